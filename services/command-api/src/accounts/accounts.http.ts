import { Body, Controller, Delete, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import type { AccountOpened, WithTexts } from '@tradecore/events';
import {
  accountPath,
  encodeConsistencyToken,
  etagOf,
  firstReservations,
  grantBody,
  grantPath,
  keyedHeaders,
  matchHeaders,
  movementBody,
  openAccountBody,
  type AccountResponse,
  type Currency,
  type GrantBody,
  type GrantsResponse,
  type MovementBody,
  type MovementResponse,
  type OpenAccountBody,
} from '@tradecore/api';
import { add } from '@tradecore/money';
import { Needs, OperatorsOnly, RequestRefused, validated } from '@tradecore/service';
import { InsufficientFunds, type Account } from '@tradecore/trading';
import { AccountAccess } from '../account-access.ts';
import type { Version } from '../if-match.ts';
import { RequestOf, type Reply, type WriteRequest } from '../write-request.ts';
import { ChangeAccess, type ChangeAccessCommand } from './change-access.ts';
import { MoveFunds, type Movement } from './move-funds.ts';
import { OpenAccount } from './open-account.ts';

/** A request about the account that the path names. */
interface AccountWrite extends WriteRequest<typeof keyedHeaders> {
  readonly accountId: string;
  readonly kind: Movement;
}

/** The door for accounts: opening, money in and out, and, for operators, who else may use them. */
@Controller('v1/accounts')
export class AccountsHttp {
  constructor(
    @Inject(OpenAccount) private readonly openAccount: OpenAccount,
    @Inject(MoveFunds) private readonly moveFunds: MoveFunds,
    @Inject(ChangeAccess) private readonly changeAccess: ChangeAccess,
    @Inject(AccountAccess) private readonly access: AccountAccess,
  ) {}

  /** `POST /v1/accounts`: 201 for a new account, 200 for the same again, as it stands now. */
  @Needs('trade')
  @Post()
  async open(
    @Body(validated(openAccountBody)) { name, currency }: OpenAccountBody,
    @RequestOf({ headers: keyedHeaders }) { caller, headers, epoch }: WriteRequest<typeof keyedHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<AccountResponse> {
    const terms = { owner: caller.person, currency, ...(name !== undefined && { name }) };
    const { outcome, account } = await this.openAccount.execute({ terms, idempotencyKey: headers['idempotency-key'] });
    reply.status(outcome === 'opened' ? 201 : 200);
    reply.headers({ location: `/v1/accounts/${account.id}` });
    setVersion({ id: account.id, version: account.version, epoch: await epoch }, reply);
    return accountResponseOf(account, { ...terms, owner: caller.subject, currency });
  }

  /** `POST /v1/accounts/{id}/deposits`: 201, and 200 for the same again. Money comes in by operators or the treasury, never by a client's word. */
  @Needs(['operator', 'treasury'])
  @Post(':id/deposits')
  async deposit(
    @Param(validated(accountPath, 'path')) { id: accountId }: { id: string },
    @Body(validated(movementBody)) body: MovementBody,
    @RequestOf({ headers: keyedHeaders }) request: WriteRequest<typeof keyedHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<MovementResponse> {
    const opened = await this.access.opened(accountId);
    return this.#move(opened, { kind: 'deposit', accountId, ...request }, body, reply);
  }

  /** `POST /v1/accounts/{id}/withdrawals`: 201, 200 for the same again, 422 for more than is available. */
  @Needs('transfer')
  @Post(':id/withdrawals')
  async withdraw(
    @Param(validated(accountPath, 'path')) { id: accountId }: { id: string },
    @Body(validated(movementBody)) body: MovementBody,
    @RequestOf({ headers: keyedHeaders }) request: WriteRequest<typeof keyedHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<MovementResponse> {
    const mayUse = await this.access.admits(request.caller, accountId, 'writes');
    const opened = mayUse ? await this.access.opened(accountId) : undefined;
    return this.#move(opened, { kind: 'withdrawal', accountId, ...request }, body, reply);
  }

  /** `POST /v1/accounts/{id}/grants`: 201 where access is new, 200 where it was there. */
  @OperatorsOnly()
  @Post(':id/grants')
  async grant(
    @Param(validated(accountPath, 'path')) { id: accountId }: { id: string },
    @Body(validated(grantBody)) { subject, scopes }: GrantBody,
    @RequestOf({ headers: matchHeaders }) request: WriteRequest<typeof matchHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<GrantsResponse> {
    return this.#changeAccess({ access: 'granted', accountId, subject, scopes }, request, reply);
  }

  /** `DELETE /v1/accounts/{id}/grants/{subject}`: 200, also where there was no such grant. */
  @OperatorsOnly()
  @Delete(':id/grants/:subject')
  @HttpCode(200)
  async revoke(
    @Param(validated(grantPath, 'path')) { id: accountId, subject }: { id: string; subject: string },
    @RequestOf({ headers: matchHeaders }) request: WriteRequest<typeof matchHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<GrantsResponse> {
    return this.#changeAccess({ access: 'revoked', accountId, subject }, request, reply);
  }

  async #move(
    opened: AccountOpened['data'] | undefined,
    { kind, accountId, caller, headers, epoch }: AccountWrite,
    body: MovementBody,
    reply: Reply,
  ): Promise<MovementResponse> {
    if (!opened) throw accountNotFound();
    const { amount, reference } = body;
    const command = { kind, accountId, amount, ...(reference !== undefined && { reference }) };
    const { outcome, event } = await this.moveFunds
      .execute({ ...command, person: caller.person, idempotencyKey: headers['idempotency-key'] })
      .catch(asUnprocessable);
    reply.status(outcome === 'moved' ? 201 : 200);
    setVersion({ id: accountId, version: event.aggregateVersion, epoch: await epoch }, reply);
    const { id, aggregateVersion: version, time } = event;
    return { id, ...command, currency: opened.currency as Currency, version, time };
  }

  async #changeAccess(
    command: ChangeAccessCommand,
    { headers, epoch }: WriteRequest<typeof matchHeaders>,
    reply: Reply,
  ): Promise<GrantsResponse> {
    const { accountId } = command;
    if (!(await this.access.opened(accountId))) throw accountNotFound();
    const { owner, subjects, version, changed } = await this.changeAccess.execute({
      ...command,
      ifMatch: headers['if-match'],
    });
    reply.status(changed && command.access === 'granted' ? 201 : 200);
    setVersion({ id: accountId, version, epoch: await epoch }, reply);
    return { accountId, owner, subjects, version };
  }
}

/** The headers that name a version of an account. */
function setVersion({ id, ...now }: Version & { readonly id: string }, reply: Reply): void {
  reply.headers({
    etag: etagOf(now),
    'consistency-token': encodeConsistencyToken({ aggregateId: id, ...now }),
  });
}

function accountResponseOf(
  account: Account,
  { owner, name, currency }: WithTexts<AccountOpened['data']> & { currency: Currency },
): AccountResponse {
  const available = account.available('currency', currency);
  const reserved = account.reserved('currency', currency);
  return {
    id: account.id,
    owner,
    ...(name !== undefined && { name }),
    currency,
    cash: add(available, reserved),
    reserved,
    buyingPower: available,
    ...firstReservations(account.reservations),
    version: account.version,
  };
}

const accountNotFound = () =>
  new RequestRefused(404, 'account-not-found', 'Account not found, or not visible to you.', {
    errors: [{ pointer: '#/id', in: 'path', code: 'not-found', detail: 'not found, or not visible to you' }],
  });

/** Insufficient funds are no conflict: the request is fine and can't be done. The figures go along. */
function asUnprocessable(error: unknown): never {
  if (!(error instanceof InsufficientFunds)) throw error;
  throw new RequestRefused(422, error.code, error.message, {
    errors: [{ pointer: '#/amount', code: error.code, detail: error.message }],
    ...(error.details && { extensions: error.details }),
  });
}
