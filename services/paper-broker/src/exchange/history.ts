/** Ids in the order in which they came, read from the newest. Ids that are gone are skipped, and left out when they are the half. */
export class History {
  #ids: string[] = [];
  #gone = 0;

  constructor(private readonly isThere: (id: string) => boolean) {}

  add(id: string): void {
    this.#ids.push(id);
  }

  /** One of the ids is there no more. */
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
