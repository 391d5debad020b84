/** A piece of SQL text. `name`: a keyword or identifier, quoted or not; both are compared without case. */
export interface Token {
  readonly kind: 'name' | 'text' | 'parameter' | 'other';
  /** Without its quotes; names in lower case. */
  readonly text: string;
  readonly quoted: boolean;
}

const PIECES =
  /(?<gap>\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<text>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])|(?<word>[\p{L}_\u0080-\uffff][\p{L}\p{N}_$\u0080-\uffff]*)|(?<number>[0-9][\w.]*)|(?<parameter>\?\d*|[:@$]\w+)|(?<other>.)/gsu;

/** Splits SQL as SQLite does (sqlite.org/lang_expr.html); comments are left out. */
export function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const { groups = {} } of sql.matchAll(PIECES)) {
    const { gap, text, quoted, word, number, parameter, other } = groups;
    if (gap !== undefined) continue;
    if (text !== undefined) tokens.push(token('text', text.slice(1, -1).replaceAll("''", "'")));
    else if (quoted !== undefined) tokens.push(token('name', unquoted(quoted), true));
    else if (word !== undefined) tokens.push(token('name', word.toLowerCase()));
    else if (parameter !== undefined) tokens.push(token('parameter', parameter));
    else tokens.push(token('other', number ?? other ?? ''));
  }
  return tokens;
}

function token(kind: Token['kind'], text: string, quoted = false): Token {
  return { kind, text, quoted };
}

function unquoted(name: string): string {
  const quote = name.charAt(0);
  const inner = name.slice(1, -1);
  return (quote === '[' ? inner : inner.replaceAll(quote + quote, quote)).toLowerCase();
}
