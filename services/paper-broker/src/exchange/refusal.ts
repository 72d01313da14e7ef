/** A refusal as Alpaca words it: an HTTP status, a code, a message, and further members of the body. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
    readonly more: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** 422: the request is malformed or incomplete. */
export const malformed = (message: string): Refusal => new Refusal(422, 40010001, message);
/** 422: the request is well-formed but not possible. */
export const impossible = (message: string): Refusal => new Refusal(422, 42210000, message);
/** 403: the account lacks what the request needs. */
export const insufficient = (message: string, more: Readonly<Record<string, unknown>>): Refusal =>
  new Refusal(403, 40310000, message, more);
/** 404. */
export const notFound = (message: string): Refusal => new Refusal(404, 40410000, message);
