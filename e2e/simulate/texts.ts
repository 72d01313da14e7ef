import { derivedId, WrittenText } from '@tradecore/events';

/** A text of the next version of an aggregate: with the same name and salt in each replay of a seed. */
export const textFor = (text: string, { id, version }: { readonly id: string; readonly version: number }): WrittenText =>
  new WrittenText(text, derivedId('text', id, String(version)), derivedId('salt', id, String(version)));
