/** The code in an error document of S3; undefined where the body is something else. */
export function errorCodeOf(body: string): string | undefined {
  return isErrorDocument(body) ? /<Code>\s*([\w.-]{1,100})\s*<\/Code>/.exec(body)?.[1] : undefined;
}

/** A store that needs long sends spaces before the answer, to keep the connection; also before an error. */
export function isErrorDocument(body: string): boolean {
  return /^\s*(<\?xml[^>]*>\s*)?<Error[\s>]/.test(body);
}
