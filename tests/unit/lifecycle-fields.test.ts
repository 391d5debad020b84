import { describe, expect, it } from 'vitest';
import { createFieldRegistry, type FieldSpec, type Fields } from '../../engine/lifecycle/fields.ts';
import { defaultPolicy } from '../../machines/attachment/context.ts';
import { LadingError } from '../../ports/errors.ts';

const images = { kinds: ['image'] } as const;

function refusal(fields: unknown): LadingError {
  try {
    createFieldRegistry(fields as Fields);
  } catch (error) {
    if (error instanceof LadingError) return error;
    throw error;
  }
  throw new Error('they were taken');
}

describe('the fields of an app, when it opens (contract 3.1)', () => {
  it.each([
    ['kinds', {}, /at least one kind/],
    ['kinds', { kinds: [] }, /at least one kind/],
    ['kinds', { kinds: 'image' }, /at least one kind/],
    ['kinds', { kinds: ['exe'] }, /unknown kind "exe": there are image, pdf/],
    ['kinds', { kinds: ['toString'] }, /unknown kind/],
    ['maxBytes', { ...images, maxBytes: Number.NaN }, /maxBytes NaN: it must be a whole number/],
    ['maxBytes', { ...images, maxBytes: '10MB' }, /maxBytes "10MB"/],
    ['maxBytes', { ...images, maxBytes: 0 }, /maxBytes 0/],
    ['maxBytes', { ...images, maxBytes: null }, /maxBytes/],
    ['maxCount', { ...images, maxCount: 1.5 }, /maxCount 1\.5: it must be a whole number/],
    ['maxCount', { ...images, maxCount: -1 }, /maxCount -1/],
    ['single', { ...images, single: 'yes' }, /single: "yes": it must be true or false/],
    ['allowEmpty', { ...images, allowEmpty: 1 }, /allowEmpty: 1/],
    ['project', { ...images, project: 'sql' }, /no function/],
    ['policy', { ...images, policy: 3 }, /no object/],
    ['policy', { ...images, policy: { maxAttempts: 'x' } }, /policy\.maxAttempts "x"/],
    ['policy', { ...images, policy: { maxAttempts: Number.POSITIVE_INFINITY } }, /whole number/],
    ['policy', { ...images, policy: { patienceMs: Number.NaN } }, /milliseconds, 0 or more/],
    ['policy', { ...images, policy: { undoGraceMs: -1 } }, /milliseconds, 0 or more/],
    ['policy', { ...images, policy: { dropLocalAtOnce: 'no' } }, /true or false/],
    ['policy', { ...images, policy: { remoteOnRelease: 'burn' } }, /"delete" or "keep"/],
    ['policy', { ...images, policy: { patience: 1 } }, /no such policy, only maxAttempts/],
    ['spec', null, /must be an object/],
    ['spec', 'image', /must be an object/],
  ])('a wrong %s is told with a sentence: %j', (_, spec, sentence) => {
    const error = refusal({ 'item.images': spec });
    expect(error).toMatchObject({ code: 'invalid_option', details: { field: 'item.images' } });
    expect(error.message).toMatch(sentence);
    expect(error.message).toMatch(/^Field "item\.images" .*\.$/);
  });

  it.each([undefined, null, 'item.images', []])('no fields at all: %j', (fields) => {
    expect(refusal(fields)).toMatchObject({ code: 'invalid_option', details: { name: 'fields' } });
  });

  it('what is left out is the default, also where it is undefined', () => {
    const spec = {
      ...images,
      maxCount: Number.POSITIVE_INFINITY,
      policy: { maxAttempts: undefined },
    };
    const fields = createFieldRegistry({ 'item.images': spec as unknown as FieldSpec });
    expect(fields.get({ entityType: 'item', field: 'images' })).toMatchObject({
      maxCount: Number.POSITIVE_INFINITY,
      maxBytes: 10 * 1024 * 1024,
      policy: defaultPolicy,
    });
  });
});
