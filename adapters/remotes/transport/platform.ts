/** Whether this is Node. Elsewhere `fetch` is all there is, and keeps pages out of private networks or nothing can. */
export function isNode(): boolean {
  const { process } = globalThis as {
    readonly process?: { readonly versions?: { readonly node?: string } };
  };
  return process?.versions?.node !== undefined;
}
