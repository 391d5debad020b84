import type { CaptureSource } from 'lading';
import { expect, it } from 'vitest';
import { healingWorld } from '../support/healing-world.ts';
import { codeOf, gate, image, picture, pictureBytes } from '../support/lading-world.ts';

const HOUR_MS = 3_600_000;
const PIECE_BYTES = 1_000_000;

/** When it is stored, which is its third reading, each piece waits for its gate. */
function inPieces(gates: readonly ReturnType<typeof gate>[]): CaptureSource {
  const bytes = pictureBytes('slow', gates.length * PIECE_BYTES);
  let readings = 0;
  return {
    ...picture('slow', gates.length * PIECE_BYTES),
    async *open() {
      readings += 1;
      for (const [index, one] of gates.entries()) {
        yield bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);
        if (readings >= 3) await one.promise;
      }
    },
  };
}

const OPTIONS = {
  runner: { leaseMs: 4 * HOUR_MS },
  garbage: { everyMs: Number.POSITIVE_INFINITY, graceMs: HOUR_MS },
};

async function opened() {
  const phone = healingWorld();
  const lading = await phone.start(OPTIONS);
  return { phone, lading, collect: () => phone.until(lading.collectGarbage()) };
}

it('a write that goes on for longer than the grace is no garbage', async () => {
  const { phone, lading, collect } = await opened();
  const gates = [gate(), gate(), gate(), gate()];
  const capturing = codeOf(lading.capture(inPieces(gates), image()));
  for (const one of gates) {
    await phone.pass(40 * 60_000);
    expect((await collect()).freed.files).toBe(0);
    one.open();
    await phone.pass(50);
  }
  await phone.pass(1_000);
  expect(await capturing).toBe('no error');
});

it('a write that was finished since it was found is not reported as removed', async () => {
  const { phone, lading, collect } = await opened();
  const gates = [gate()];
  const capturing = lading.capture(inPieces(gates), image());
  await phone.pass(1_000);
  expect((await collect()).counts).toEqual({ temporary: { waits: 1 } });
  gates[0]?.open();
  await phone.until(capturing);
  await phone.pass(2 * HOUR_MS);
  expect(await collect()).toMatchObject({ freed: { files: 0 }, counts: {} });
});

it('a write that did not end is removed after the grace, and its bytes are counted', async () => {
  const { phone, lading } = await opened();
  void lading.capture(inPieces([gate(), gate()]), image()).catch(() => {});
  await phone.pass(1_000);
  phone.kill();
  const next = await phone.start(OPTIONS);
  await phone.until(next.collectGarbage());
  await phone.pass(2 * HOUR_MS);
  expect([...phone.disk.contents().keys()].filter((path) => path.startsWith('tmp/'))).toHaveLength(
    1,
  );
  expect((await phone.until(next.collectGarbage())).freed).toEqual({
    files: 1,
    bytes: PIECE_BYTES,
  });
});
