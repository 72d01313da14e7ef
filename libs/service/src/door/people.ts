import { BoundedCache } from '@tradecore/consumers';
import type { DataSource } from 'typeorm';

/** Persons that are remembered, at most: which person a subject is never changes. */
const remembered = 100_000;

/** Who is who: events name persons, tokens name subjects. For a service that writes. */
export class People {
  readonly #known = new BoundedCache<string, string>(remembered);

  constructor(private readonly db: Pick<DataSource, 'query'>) {}

  /** The person of a subject (the `sub` of a token), made at first sight. */
  async personOf(subject: string): Promise<string> {
    const known = this.#known.get(subject);
    if (known !== undefined) return known;
    const [{ person }] = await this.db.query<[{ person: string }]>('select person_of($1) as person', [subject]);
    this.#known.set(subject, person);
    return person;
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
