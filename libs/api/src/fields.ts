import { z } from 'zod';

/** A time in answers. */
export const time = (description: string) =>
  z.iso.datetime({ precision: 6 }).meta({ description, examples: ['2026-11-23T09:00:00.000000Z'] });

/** An amount in answers: signed, exact. */
export const amount = (description: string) =>
  z.string().meta({ description, pattern: '^-?[0-9]+(\\.[0-9]+)?$', examples: ['1250.5'] });

/** In a page of a list. */
export const nextCursor = z.string().optional().meta({ description: 'The cursor of the next page; absent on the last page.' });
