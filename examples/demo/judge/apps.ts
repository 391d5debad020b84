import type { AppCommand, AppMessage, AppOrders, FinalReport, ShownItem } from '../messages.ts';
import type { Screen } from '../screen/screen.ts';
import type { Child, Children } from './children.ts';

export type App = Child<AppMessage, AppCommand>;

/** The app, life after life, as the judge sees it. */
export interface Apps {
  /** By path, the id that `capture` resolved with. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** Its screen as it was sent last. */
  shown(): readonly ShownItem[];
  start(): App;
  /** Lets it settle, verify, report and close. */
  finish(app: App): Promise<FinalReport>;
}

export function appsOf(children: Children, screen: Screen, orders: AppOrders): Apps {
  const acknowledged = new Map<string, string>();
  const shown = new Map<string, ShownItem>();
  return {
    acknowledged,
    shown: () => [...shown.values()],
    start() {
      shown.clear();
      const app: App = children.start('app', 'app/main.ts', orders);
      app.onMessage((message) => {
        if (message.type === 'captured') {
          acknowledged.set(message.path, message.mediaId);
          screen.captured(message.path, message.mediaId);
        }
        if (message.type === 'shown') {
          for (const item of message.items) shown.set(item.mediaId, item);
          screen.shown(message.items);
        }
      });
      return app;
    },
    async finish(app) {
      const finished = app.next<FinalReport>('settling and verifying', (message) =>
        message.type === 'finished' ? message.report : undefined,
      );
      app.send({ type: 'finish' });
      const report = await finished;
      await app.ended();
      return report;
    },
  };
}

/** Nothing goes on by itself: everything is uploaded, or failed for good. */
export function isOver(items: readonly ShownItem[], count: number): boolean {
  return items.length >= count && items.every(({ state }) => /uploaded|failed/.test(state));
}
