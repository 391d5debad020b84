import type { ChosenFiles } from '../judge/files.ts';
import type { ShownItem } from '../messages.ts';
import { bytes, seconds } from './format.ts';
import { type Screen, verdictText } from './screen.ts';

/** One line for each thing that happens; nothing is overwritten. For logs, pipes and CI. */
export function plainScreen(chosen: ChosenFiles, print: (line: string) => void): Screen {
  const names = new Map(chosen.files.map((file) => [file.path, file]));
  const byId = new Map<string, { readonly name: string; readonly sizeBytes: number }>();
  const last = new Map<string, string>();
  let uploaded = 0;

  print(
    `Lading demo: ${chosen.files.length} files (${bytes(chosen.totalBytes)}) of ${chosen.from}`,
  );
  if (chosen.skipped.length > 0) print(`Skipped: ${chosen.skipped.join(', ')}`);

  function tellOf({ mediaId, state, sentBytes, error }: ShownItem): void {
    const file = byId.get(mediaId);
    if (file === undefined) return;
    const fifths = Math.floor(((sentBytes ?? 0) / file.sizeBytes) * 5);
    const now = state === 'uploading' && fifths > 0 ? `${state} ${fifths * 20} %` : state;
    if (last.get(mediaId) === now) return;
    last.set(mediaId, now);
    if (state === 'uploaded') {
      uploaded += 1;
      print(
        `   ${uploaded} of ${chosen.files.length} uploaded: ${file.name} (${bytes(file.sizeBytes)})`,
      );
    }
    if (state === 'uploading' && fifths > 0) print(`   ${file.name}: ${fifths * 20} %`);
    if (state === 'failed') print(`   failed: ${file.name}: ${error}`);
  }

  return {
    step: (text) => print(`-- ${text}`),
    done: (text) => print(`   ${text}`),
    captured(path, mediaId) {
      const file = names.get(path);
      if (file === undefined) return;
      byId.set(mediaId, file);
      print(`   captured: ${file.name} (${bytes(file.sizeBytes)})`);
    },
    shown: (items) => items.forEach(tellOf),
    killed: (text) => print(`   ${text}`),
    proof: () => print('-- The proof'),
    check: ({ ok, title, detail }) => print(`   ${ok ? 'ok  ' : 'FAIL'} ${title}: ${detail}`),
    verdict: (holds, tookMs) => print(verdictText(holds, seconds(tookMs))),
    problem: (text) => print(`FAIL ${text}`),
    pause: async () => {},
    close() {},
  };
}
