#!/usr/bin/env node
/** The `lading` command. This file must be readable for every Node: what needs a newer one is loaded behind the check. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  console.error(
    `lading needs Node 22.13 or newer, for the SQLite that is built in; this is ${process.version}. Install a newer Node and try again.`,
  );
  process.exitCode = 2;
} else {
  // Node calls its SQLite experimental on every start: no news for whoever asks about a photo.
  const warn = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) warn(warning, ...rest);
  };
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2));
}
