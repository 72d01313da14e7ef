import { BoundedCache } from '@tradecore/consumers';
import type { StoreIdentity } from '@tradecore/event-sourcing';
import type { DataSource } from 'typeorm';

/** Persons that are remembered, at most: which person a subject is changes only when a restore has lost them. */
const remembered = 100_000;

/** Who is who: events name persons, tokens name subjects. For a service that writes. */
export class People {
  readonly #known = new BoundedCache<string, { readonly person: string; readonly name: string | undefined }>(remembered);

  #opening: string | undefined;

  constructor(
    private readonly db: Pick<DataSource, 'query'>,
    private readonly identity: Pick<StoreIdentity, 'current'>,
  ) {}

  /** The person of a subject (the `sub` of a token), created when it is first seen; `name` is kept if the token has one. */
  async personOf(subject: string, name?: string): Promise<string> {
    await this.#forgetOlder();
    const known = this.#known.get(subject);
    if (known && (name === undefined || name === known.name)) return known.person;
    const [{ person }] = await this.db.query<[{ person: string }]>('select person_of($1, $2) as person', [subject, name ?? null]);
    this.#known.set(subject, { person, name });
    return person;
  }

  /** A restored store may lack persons that are remembered. */
  async #forgetOlder(): Promise<void> {
    const { opening } = await this.identity.current();
    if (opening !== this.#opening) this.#known.clear();
    this.#opening = opening;
  }

  /** The subjects of these persons; those who were forgotten have none. */
  async subjectsOf(persons: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (persons.length === 0) return new Map();
    const rows = await this.db.query<{ person: string; subject: string }[]>(
      'select person, subject from people where person = any($1::uuid[])',
      [persons],
    );
    return new Map(rows.map(({ person, subject }) => [person, subject]));
  }
}
