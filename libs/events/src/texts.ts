import { hash, randomUUID } from 'node:crypto';
import { parse } from 'uuid';
import { freshId } from './ids.ts';

/**
 * A text that a person wrote, as events carry it. The text lies in the table `texts`, beside the log, and may be
 * forgotten; the event still proves which text it was.
 */
export interface TextRef {
  readonly ref: string;
  /** `hashOfText` of the text and its salt. */
  readonly hash: string;
}

/** SHA-256 over a salt (a random UUID) and a text, as hex: without the salt, a guessed text can't be tried. */
export const hashOfText = (salt: string, text: string): string =>
  hash('sha256', Buffer.concat([parse(salt), Buffer.from(text)]), 'hex');

/**
 * A text on its way into the store: kept when an event with it is stored, in the same transaction. Its name and salt are
 * random UUIDs unless they are given, as a simulation does that replays.
 */
export class WrittenText implements TextRef {
  readonly hash: string;

  constructor(
    readonly text: string,
    readonly ref: string = freshId(),
    readonly salt: string = randomUUID(),
  ) {
    this.hash = hashOfText(this.salt, text);
  }

  /** What an event carries. */
  toJSON(): TextRef {
    return { ref: this.ref, hash: this.hash };
  }
}

/** Whether a value in an event stands for a text. */
export const isTextRef = (value: unknown): value is TextRef =>
  typeof value === 'object' && value !== null && 'ref' in value && 'hash' in value;

/** The same with texts in place of what stands for them; a forgotten text is absent. */
export type WithTexts<T> = T extends TextRef
  ? string | undefined
  : T extends object
    ? { readonly [Field in keyof T]: WithTexts<T[Field]> }
    : T;

/** Everything in a JSON value that stands for a text. */
export function textRefsIn(value: unknown): TextRef[] {
  if (isTextRef(value)) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textRefsIn) : [];
}

/** Puts the texts into a JSON value, by `ref`. */
export function putTexts<T>(value: T, texts: ReadonlyMap<string, string>): WithTexts<T> {
  const put = (each: unknown): unknown => {
    if (isTextRef(each)) return each instanceof WrittenText ? each.text : texts.get(each.ref);
    if (Array.isArray(each)) return each.map(put);
    if (typeof each !== 'object' || each === null) return each;
    const present = Object.entries(each).map(([name, member]) => [name, put(member), isTextRef(member)] as const);
    return Object.fromEntries(present.filter(([, member, isText]) => !(isText && member === undefined)));
  };
  return put(value) as WithTexts<T>;
}
