export function openSync(_parts: object) {
  return {
    start(): void {},
    now: async () => ({ pushed: 0, pulled: 0 }),
    isIdle: () => true,
    pending: () => 0,
    close: async (): Promise<void> => {},
  };
}
