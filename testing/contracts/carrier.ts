import { expect } from 'vitest';
import type { Carrier, CarrierTask } from '../../ports/carrier.ts';
import { pattern, sha256 } from './bytes.ts';
import { type ContractCase, type ContractSetup, describeContract } from './contract.ts';

export interface CarrierSetup extends ContractSetup {
  readonly carrier: Carrier;
  /** As the next start of the app has it; the app before it died without a word. */
  reopen(): Carrier;
  /** A file that the carrier can read. */
  file(bytes: Uint8Array): Promise<string>;
  /** Where a server answers 201 with `ETag: "v1"` and the body `stored`. */
  readonly url: string;
  /** Where nobody listens. */
  readonly nowhere: string;
  /** Bodies that arrived in whole, in their order. */
  arrived(): readonly ArrivedRequest[];
  /** The next request gets no answer, and does not count as arrived, before the result is called. */
  holdNext(): { readonly reached: Promise<void>; release(): void };
}

export interface ArrivedRequest {
  readonly method: string;
  /** In lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

/** What every {@link Carrier} keeps, whatever carries. Call it in a test file of its own. */
export function describeCarrier(name: string, setup: () => Promise<CarrierSetup>): void {
  describeContract(`carrier contract: ${name}`, carrierCases, setup);
}

const never = new AbortController().signal;
const bytes = pattern(200_000);
const id = 'account-1.media-1';

/** One by one; {@link describeCarrier} makes tests of them. */
export const carrierCases: readonly ContractCase<CarrierSetup>[] = [
  {
    title: 'carries a file as the body of a request, and tells how that ended',
    async run(world) {
      const task = await taskOf(world);
      await world.carrier.start(task);
      const found = await world.carrier.attach(id, { signal: never });
      expect(found).toMatchObject({
        id,
        note: 'a note',
        result: { ended: 'answered', status: 201, body: 'stored' },
      });
      expect(Object.fromEntries(answered(found).headers)).toMatchObject({ etag: '"v1"' });
      const [request] = world.arrived();
      expect(request?.method).toBe('PUT');
      expect(request?.headers).toMatchObject({ 'x-token': 'CANARY', 'content-length': '200000' });
      expect(await sha256(request?.body ?? new Uint8Array())).toBe(await sha256(bytes));
    },
  },
  {
    title: 'carries a file of no bytes',
    async run(world) {
      await world.carrier.start(await taskOf(world, { bytes: new Uint8Array() }));
      const found = await world.carrier.attach(id, { signal: never });
      expect(answered(found).status).toBe(201);
      expect(world.arrived()[0]?.body).toHaveLength(0);
    },
  },
  {
    title: 'sends one request for one id, however often and from wherever it is started',
    async run(world) {
      const task = await taskOf(world);
      const next = world.reopen();
      await Promise.all([world.carrier.start(task), world.carrier.start(task), next.start(task)]);
      await next.attach(id, { signal: never });
      await next.start(task);
      await next.attach(id, { signal: never });
      expect(world.arrived()).toHaveLength(1);
    },
  },
  {
    title: 'gives the result to the next start of the app, as often as it is asked for',
    async run(world) {
      await world.carrier.start(await taskOf(world));
      const next = world.reopen();
      for (const carrier of [next, next, world.reopen()]) {
        expect(answered(await carrier.attach(id, { signal: never })).status).toBe(201);
      }
      expect(world.arrived()).toHaveLength(1);
    },
  },
  {
    title: 'goes on when nobody waits for it any more',
    async run(world) {
      const hold = world.holdNext();
      await world.carrier.start(await taskOf(world));
      await hold.reached;
      const waiting = new AbortController();
      const attached = world.carrier.attach(id, { signal: waiting.signal });
      const reason = new Error('enough');
      waiting.abort(reason);
      await expect(attached).rejects.toBe(reason);
      expect(await world.carrier.list()).toEqual([{ id, note: 'a note', result: undefined }]);
      hold.release();
      expect(answered(await world.reopen().attach(id, { signal: never })).status).toBe(201);
    },
  },
  {
    title: 'stops one that is under way, for good',
    async run(world) {
      const hold = world.holdNext();
      // More than sockets hold: what has left may land.
      await world.carrier.start(await taskOf(world, { bytes: new Uint8Array(30_000_000) }));
      await hold.reached;
      await world.reopen().cancel(id);
      hold.release();
      expect(await world.carrier.attach(id, { signal: never })).toBeUndefined();
      expect(await world.carrier.list()).toEqual([]);
      expect(world.arrived()).toHaveLength(0);
    },
  },
  {
    title: 'forgets a result, and takes the id for a new task then',
    async run(world) {
      const task = await taskOf(world);
      await world.carrier.start(task);
      await world.carrier.attach(id, { signal: never });
      await world.carrier.cancel(id);
      await world.carrier.cancel(id);
      expect(await world.carrier.attach(id, { signal: never })).toBeUndefined();
      await world.carrier.start(task);
      expect(answered(await world.carrier.attach(id, { signal: never })).status).toBe(201);
      expect(world.arrived()).toHaveLength(2);
    },
  },
  {
    title: 'knows nothing of an id that nobody started',
    async run({ carrier }) {
      expect(await carrier.attach('somebody.else', { signal: never })).toBeUndefined();
      await carrier.cancel('somebody.else');
      expect(await carrier.list()).toEqual([]);
    },
  },
  {
    title: 'lists what is under way and what has ended, without urls and headers (contract 10.4)',
    async run(world) {
      await world.carrier.start(await taskOf(world));
      await world.carrier.attach(id, { signal: never });
      const hold = world.holdNext();
      await world.carrier.start(await taskOf(world, { id: 'account-1.media-2' }));
      await hold.reached;
      const listed = await world.reopen().list();
      expect(listed.map((task) => [task.id, task.result?.ended])).toEqual([
        [id, 'answered'],
        ['account-1.media-2', undefined],
      ]);
      expect(JSON.stringify(listed)).not.toContain('CANARY');
      await world.carrier.cancel('account-1.media-2');
      hold.release();
    },
  },
  {
    title: 'says of a request that reached nobody that it cannot have arrived',
    async run(world) {
      await world.carrier.start(await taskOf(world, { url: world.nowhere }));
      const found = await world.carrier.attach(id, { signal: never });
      expect(found?.result).toMatchObject({ ended: 'failed', mayHaveArrived: false });
    },
  },
  {
    title: 'says of a file that is not there, or of another size, that it is so, and sends nothing',
    async run(world) {
      const task = await taskOf(world);
      await world.carrier.start({ ...task, file: `${task.file}-not` });
      const missing = await world.carrier.attach(id, { signal: never });
      expect(missing?.result).toMatchObject({ ended: 'failed', code: 'source_missing' });
      await world.carrier.cancel(id);
      await world.carrier.start({ ...task, byteSize: 199_999 });
      const changed = await world.carrier.attach(id, { signal: never });
      expect(changed?.result).toMatchObject({ ended: 'failed', code: 'source_changed' });
      expect(world.arrived()).toEqual([]);
    },
  },
];

async function taskOf(
  world: CarrierSetup,
  { bytes: body = bytes, ...changes }: Partial<CarrierTask> & { readonly bytes?: Uint8Array } = {},
): Promise<CarrierTask> {
  return {
    id,
    method: 'PUT',
    url: `${world.url}?signature=CANARY`,
    headers: { 'x-token': 'CANARY' },
    file: await world.file(body),
    byteSize: body.byteLength,
    note: 'a note',
    ...changes,
  };
}

type Answered = Extract<
  NonNullable<NonNullable<Awaited<ReturnType<Carrier['attach']>>>['result']>,
  { readonly ended: 'answered' }
>;

/** @throws where it did not end with an answer. */
function answered(found: Awaited<ReturnType<Carrier['attach']>>): Answered {
  if (found?.result?.ended === 'answered') return found.result;
  throw new Error(`no answer: ${JSON.stringify(found)}`);
}
