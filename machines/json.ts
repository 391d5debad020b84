/** What survives `JSON.stringify` and back unchanged: all that events, contexts and snapshots may hold. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

export type JsonObject = { readonly [key: string]: Json };
