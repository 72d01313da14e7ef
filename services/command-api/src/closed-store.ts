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
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const reply = context.switchToHttp().getResponse<{ readonly statusCode: number }>();
    return next.handle().pipe(
      mergeMap(async (body: unknown) => {
        if (reply.statusCode !== 201) await this.#mustBeOpen();
        return body;
      }),
      catchError(async (error: unknown) => {
        if (!(error instanceof StoreClosed)) await this.#mustBeOpen();
        throw error;
      }),
    );
  }

  /** Throws `StoreClosed`. A database that does not answer has been told of already. */
  async #mustBeOpen(): Promise<void> {
    const ask = 'select closed_at is not null as closed from store_identity';
    const [row] = await this.dataSource.query<{ closed: boolean }[]>(ask).catch(() => []);
    if (row?.closed) throw new StoreClosed();
  }
}
