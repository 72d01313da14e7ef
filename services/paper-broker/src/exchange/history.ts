/** Ids in order of arrival, read newest first. Removed ids are skipped, and dropped once they are more than half. */
export class History {
  #ids: string[] = [];
  #gone = 0;

  constructor(private readonly isThere: (id: string) => boolean) {}

  add(id: string): void {
    this.#ids.push(id);
  }

  /** Notes that one of the ids was removed. */
  forget(): void {
    this.#gone += 1;
    if (this.#gone * 2 <= this.#ids.length) return;
    this.#ids = this.#ids.filter((id) => this.isThere(id));
    this.#gone = 0;
  }

  *newestFirst(): Generator<string> {
    for (let index = this.#ids.length - 1; index >= 0; index -= 1) {
      const id = this.#ids[index] as string;
      if (this.isThere(id)) yield id;
    }
  }
}
