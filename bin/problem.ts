/** What whoever calls can put right: shown as one sentence and what to do, with exit code 2 and without a stack. */
export class Problem extends Error {
  override readonly name = 'Problem';
}
