import { Inject, Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { StoreClosed } from '@tradecore/event-sourcing';
import { catchError, mergeMap, type Observable } from 'rxjs';
import { DataSource } from 'typeorm';

/**
 * A closed store refuses what would be stored. What stores nothing is refused here: "no such order" may be of an order that is about to come back,
 * and a repeat may be of a state that is not. Every answer but 201, which says that something was stored, asks the database once more.
 */
@Injectable()
export class RefuseWhileClosed implements NestInterceptor {
  /** The opening of the store that was seen last. */
  #opening: string | undefined;

  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const opening = this.#opening;
    const reply = context.switchToHttp().getResponse<{ readonly statusCode: number }>();
    return next.handle().pipe(
      mergeMap(async (body: unknown) => {
        if (reply.statusCode !== 201) await this.#mustBeOpen(opening);
        return body;
      }),
      catchError(async (error: unknown) => {
        if (!(error instanceof StoreClosed)) await this.#mustBeOpen(opening);
        throw error;
      }),
    );
  }

  /** Throws `StoreClosed`, also if the store was opened since `opening`. The request has already met a database that does not answer. */
  async #mustBeOpen(opening: string | undefined): Promise<void> {
    const ask = 'select closed_at is not null as closed, opening from store_identity';
    const [row] = await this.dataSource.query<{ closed: boolean; opening: string }[]>(ask).catch(() => []);
    this.#opening = row?.opening ?? this.#opening;
    if (row?.closed || (row && opening !== undefined && row.opening !== opening)) throw new StoreClosed();
  }
}
