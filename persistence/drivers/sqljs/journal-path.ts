/** The journal of the database at `path`; other drivers refuse the database while it is there. */
export function journalPath(path: string): string {
  return `${path}-lading`;
}
