import type { Protection } from './protection.ts';

/** Files are looked at before they are stored (contract 10.5, 10.6). */
export const filesProtections: readonly Protection[] = [
  {
    clause: '10.6',
    line: 'pixels, pages and sizes',
    file: 'engine/lifecycle/services.ts',
    find: '      maxBytes: mostBytes(parts, media, run),\n',
    replace: '',
    test: 'tests/security/10.3-origins.test.ts',
  },
  {
    clause: '10.5',
    line: 'location removed',
    file: 'engine/intake/index.ts',
    find: "const isRemoved = field.location !== 'keep' && trouble === undefined;",
    replace: 'const isRemoved = false;',
    test: 'tests/unit/intake-location.test.ts',
  },
  {
    clause: '10.5',
    line: 'if it cannot',
    file: 'engine/intake/index.ts',
    find: "if (field.location === 'remove') throw stuckLocation(field, why);",
    replace: '',
    test: 'tests/unit/intake-location.test.ts',
  },
  {
    clause: '10.5',
    line: 'orientation and profile',
    file: 'engine/intake/location/tiff.ts',
    find: 'const REMOVED: ReadonlySet<number> = new Set([',
    replace: 'const REMOVED: ReadonlySet<number> = new Set<number>([0x0112,',
    test: 'tests/unit/intake-location.test.ts',
  },
  {
    clause: '10.6',
    line: 'dimensions',
    file: 'engine/intake/index.ts',
    find: "if (width < 1 || height < 1) throw new Unreadable('it says no width and height');",
    replace: '',
    test: 'tests/security/10.2-intake.test.ts',
  },
  {
    clause: '10.6',
    line: 'pixels, pages and sizes',
    file: 'engine/intake/index.ts',
    find: 'width * height > field.maxPixels',
    replace: 'width < 0',
    test: 'tests/security/10.2-intake.test.ts',
  },
  {
    clause: '10.6',
    line: 'main thread',
    file: 'engine/lifecycle/resolve.ts',
    find: "  const open: ResolvedBytes['open'] =",
    replace:
      "  void (globalThis as { createImageBitmap?: unknown }).createImageBitmap;\n  const open: ResolvedBytes['open'] =",
    test: 'tests/security/lines.test.ts',
  },
];
