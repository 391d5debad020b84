/** `2.6 MB`: for people. */
export function bytes(count: number): string {
  if (count < 1_000) return `${count} bytes`;
  if (count < 999_950) return `${(count / 1_000).toFixed(count < 9_950 ? 1 : 0)} kB`;
  if (count < 999_950_000) return `${(count / 1_000_000).toFixed(1)} MB`;
  return `${(count / 1_000_000_000).toFixed(2)} GB`;
}

/** `2,600,000`: where every one counts. */
export function exact(count: number): string {
  return count.toLocaleString('en');
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** `████████░░░░`, filled to `share` of 1. */
export function bar(share: number, width: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}

/** `text` in lines of at most `width`, broken between words; all but the first begin with `indent`. */
export function wrapped(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && longer.length > width - indent.length) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].join(`\n${indent}`);
}
