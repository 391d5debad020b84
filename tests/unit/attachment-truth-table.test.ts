import { describe, expect, it } from 'vitest';
import { situations } from '../../machines/attachment/facts.ts';
import { truthTable } from '../../machines/attachment/truth-table.ts';

describe('the truth table of contract 2', () => {
  it('is printed in docs/spec/truth-table.md as the view function computes it', async () => {
    await expect(truthTable()).toMatchFileSnapshot('../../docs/spec/truth-table.md');
  });

  it('has a row for every situation', () => {
    const table = truthTable();
    expect(situations.filter((situation) => !table.includes(`| ${situation} |`))).toEqual([]);
  });
});
