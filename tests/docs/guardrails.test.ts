import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type SentenceKey, say } from '../../engine/guardrails/sentences.ts';
import {
  ANSWER_WITHIN_MS,
  CHECK_EVERY_MS,
  CRITICAL_PERCENT,
  WARNING_PERCENT,
} from '../../engine/guardrails/thresholds.ts';
import { listFiles } from '../architecture/source-files.ts';
import { page, pages, root, tableRows } from './markdown.ts';

const MODULE = 'engine/guardrails/sentences.ts';
const PAGE = 'docs/spec/storage_guardrails.md';

describe('docs/spec/storage_guardrails.md (contract 7.4)', () => {
  const { text } = page(PAGE);
  const part = (title: string) =>
    tableRows(text.split(/^## /m).find((one) => one.startsWith(title)) ?? '').slice(1);
  const sentences = part('Sentences').map(
    ([key = '', sentence = '']) => [key.replaceAll('`', '') as SentenceKey, sentence] as const,
  );

  it('has the sentences of the module, word for word', () => {
    const keys = [...readFileSync(join(root, MODULE), 'utf8').matchAll(/^ {2}(\w+):/gm)]
      .map(([, key = '']) => key)
      .filter((key) => /^(storage|banner)_|^file_too_large$/.test(key));
    expect(sentences.map(([key]) => key).toSorted()).toEqual(keys.toSorted());
    expect(sentences.map(([key]) => [key, say(key)])).toEqual(sentences);
  });

  it('has the numbers of the module', () => {
    expect(part('Thresholds').map(([, value]) => value)).toEqual([
      `${WARNING_PERCENT} %`,
      `${CRITICAL_PERCENT} %`,
      `${CHECK_EVERY_MS / 1_000} s`,
      `${ANSWER_WITHIN_MS / 1_000} s`,
    ]);
    expect(text).toContain(`≥ ${CRITICAL_PERCENT} % of the whole`);
  });

  it('is the only place of its sentences besides the module', () => {
    const written = [
      ...pages(),
      ...listFiles()
        .filter((path) => !/^(tests|model-based-tests)\//.test(path))
        .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') })),
    ].filter(({ path }) => path !== MODULE && path !== PAGE);
    // Titles of three words are everybody's; what is left is long enough to be a quotation.
    const long = sentences.map(([, sentence]) => sentence).filter((one) => one.length > 20);
    expect(long.length).toBe(5);
    const repeated = written.filter((one) => long.some((sentence) => one.text.includes(sentence)));
    expect(repeated.map(({ path }) => path)).toEqual([]);
  });
});
