import type { TopicDeclaration } from '@tradecore/events';
import { MessagingError } from './errors.ts';

/** The relay may write stored events, services everything else. */
export type Writer = 'relay' | 'services';

/** Adds the namespace to names and removes it; knows which topics are declared and who may write them. */
export class Names {
  readonly #prefix: string;
  readonly #declared: ReadonlyMap<string, TopicDeclaration>;

  constructor(
    readonly namespace: string,
    readonly declarations: readonly TopicDeclaration[],
  ) {
    this.#prefix = namespace === '' ? '' : `${namespace}.`;
    this.#declared = new Map(declarations.map((each) => [each.name, each]));
  }

  /** The name on the broker of a topic, group or transactional id. */
  onBroker(name: string): string {
    return this.#prefix + name;
  }

  /** The name without namespace. */
  ours(nameOnBroker: string): string {
    return nameOnBroker.slice(this.#prefix.length);
  }

  /** The topic's name on the broker. Throws `undeclared-topic`, or `forbidden-topic` when `writer` may not write it. */
  writable(topic: string, writer: Writer): string {
    const declared = this.#declared.get(topic);
    if (!declared)
      throw new MessagingError('undeclared-topic', `topic ${topic} is not declared; topics are declared in one file`);
    if (declared.writer === 'nobody') throw new MessagingError('forbidden-topic', `topic ${topic} is never written`);
    if (declared.writer !== writer) {
      const who =
        declared.writer === 'relay' ? 'it carries stored events, which only the outbox relay writes' : 'only services write it';
      throw new MessagingError('forbidden-topic', `topic ${topic}: ${who}`);
    }
    return this.onBroker(topic);
  }
}
