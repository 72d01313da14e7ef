/**
 * Injectable values without a class to serve as token: `@Inject(tokens.kafka) private readonly kafka: KafkaClient`.
 * Injected by class: `DataSource` (TypeORM's: the only pool, logged in as the service's own role), `EventStore`,
 * `Redis` (connects at first use; every command fails at once while the server is unavailable), `Health` and, behind an
 * HTTP door, `Authenticator`.
 */
export const tokens = {
  /** `Config` of the service, with its own settings. */
  config: Symbol('config'),
  /** `KafkaClient` of @tradecore/messaging. */
  kafka: Symbol('broker'),
} as const;
