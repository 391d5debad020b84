import { describe, expect, it } from 'vitest';
import {
  createFieldRegistry,
  defineFields,
  type FieldSpec,
  type Fields,
  fieldOwner,
} from '../../engine/lifecycle/fields.ts';
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
    ['a misspelt rule', { kinds: ['image'], maxcount: 3 }, /"maxcount", which is no rule/],
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
    ['maxPixels', { ...images, maxPixels: 0.5 }, /maxPixels 0\.5/],
    ['maxSidePixels', { ...images, maxSidePixels: '1' }, /maxSidePixels "1"/],
    [
      'network',
      { ...images, network: 'wifi' },
      /network: "wifi": it must be one of any, unmetered/,
    ],
    ['location', { ...images, location: true }, /location: true: it must be one of remove/],
    ['retention', { ...images, retention: 'drop' }, /retention that is no object/],
    ['retention', { ...images, retention: { local: 'all' } }, /retention\.local "all": .*"drop"/],
    ['retention', { ...images, retention: { remote: 'no' } }, /retention\.remote "no": .*"keep"/],
    ['retention', { ...images, retention: { cache: 1 } }, /retention\.cache: there is only local/],
    ['patience', { ...images, patience: { attempts: 0 } }, /patience\.attempts 0: .*whole number/],
    ['patience', { ...images, patience: { ageMs: '1d' } }, /patience\.ageMs "1d": .*milliseconds/],
    ['grace', { ...images, grace: { undoMs: -1 } }, /grace\.undoMs -1: .*milliseconds/],
    ['grace', { ...images, grace: { draftMs: 1 }, policy: { draftGraceMs: 1 } }, /says both/],
    ['network', { ...images, network: 'any', policy: { network: 'any' } }, /says both network/],
    ['policy', { ...images, policy: { network: 'wifi' } }, /"any" or "unmetered"/],
    ['contentTypes', { ...images, contentTypes: [] }, /no list of media types/],
    ['contentTypes', { ...images, contentTypes: 'image/png' }, /no list of media types/],
    ['contentTypes', { ...images, contentTypes: ['png'] }, /"png": it must be like "image\/jpeg"/],
    ['contentTypes', { ...images, contentTypes: ['application/pdf'] }, /which is none of image/],
    ['contentTypes', { ...images, contentTypes: ['image/svg+xml'] }, /location cannot be removed/],
    [
      'contentTypes',
      { kinds: ['image', 'pdf'], contentTypes: ['image/png'] },
      /takes kind pdf, but none of its content types is one/,
    ],
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
      maxPixels: 100_000_000,
      location: 'remove',
      policy: defaultPolicy,
    });
  });

  it('retention, network, patience and grace become the policy that each attachment carries', () => {
    const fields = createFieldRegistry({
      'item.images': {
        ...images,
        network: 'unmetered',
        retention: { local: 'drop', remote: 'keep' },
        patience: { attempts: 3, ageMs: 60_000 },
        grace: { undoMs: 5_000, draftMs: 1_000 },
        policy: { backoffBaseMs: 10 },
      },
    });
    expect(fields.get({ entityType: 'item', field: 'images' }).policy).toEqual({
      ...defaultPolicy,
      network: 'unmetered',
      dropLocalAtOnce: true,
      remoteOnRelease: 'keep',
      maxAttempts: 3,
      patienceMs: 60_000,
      undoGraceMs: 5_000,
      draftGraceMs: 1_000,
      backoffBaseMs: 10,
    });
  });

  it('owners are made from the names of the fields, and a wrong name does not compile', () => {
    const fields = defineFields({ 'item.images': images, 'profile.logo': images });
    const scope = { accountId: 'a', projectId: null };
    expect(fieldOwner(fields, 'item.images', scope, 'item-1')).toEqual({
      scope,
      entityType: 'item',
      entityId: 'item-1',
      field: 'images',
    });
    // @ts-expect-error: no such field
    expect(() => fieldOwner(fields, 'item.photos', scope, 'item-1')).toThrow(
      /"item\.photos" is not a field of this app\. Known fields: item\.images, profile\.logo/,
    );
  });
});
