import type { Fields } from '../../../index.ts';

export const SCALE_FIELDS = { 'item.images': { kinds: ['image'] } } as const satisfies Fields;
