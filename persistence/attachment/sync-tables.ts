/** The tables that only sync reads. */
export { cursorTable } from './cursor-table.ts';
export { outboxQueue } from './outbox-queue.ts';
