import { Body, Controller, HttpCode, Inject, Param, Post, Put, Res } from '@nestjs/common';
import {
  encodeConsistencyToken,
  etagOf,
  killSwitchBody,
  limitsBody,
  limitsPath,
  matchHeaders,
  type ControlsResponse,
  type KillSwitchBody,
  type LimitsBody,
} from '@tradecore/api';
import { OperatorsOnly, validated } from '@tradecore/service';
import { pointAt } from '../not-found.ts';
import { RequestOf, type Reply, type WriteRequest } from '../write-request.ts';
import { SetControls, type Controls } from './set-controls.ts';

/** Writes of operators. Every change is an event with who, when and why. */
@Controller('v1/admin')
export class AdminHttp {
  constructor(@Inject(SetControls) private readonly controls: SetControls) {}

  /** `POST /v1/admin/kill-switch`: 200; once answered, new orders of the scope are denied, or accepted again. */
  @OperatorsOnly()
  @Post('kill-switch')
  @HttpCode(200)
  async killSwitch(
    @Body(validated(killSwitchBody)) { scope, trading, reason }: KillSwitchBody,
    @RequestOf() { epoch }: WriteRequest,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<ControlsResponse> {
    const set = trading === 'halted' ? this.controls.halt(scope, reason) : this.controls.resume(scope, reason);
    return answer(await set.catch(pointAt({ pointer: '#/scope' }, 'account not found')), { scope, epoch: await epoch }, reply);
  }

  /**
   * `PUT /v1/admin/limits/{scope}`: 200; once answered, these limits apply. 428 without If-Match: it replaces all
   * limits.
   */
  @OperatorsOnly()
  @Put('limits/:scope')
  async limits(
    @Param(validated(limitsPath, 'path')) { scope }: { scope: string },
    @Body(validated(limitsBody)) limits: LimitsBody,
    @RequestOf({ headers: matchHeaders }) { headers, epoch }: WriteRequest<typeof matchHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<ControlsResponse> {
    const set = this.controls.setLimits(scope, definedOf(limits), headers['if-match']);
    return answer(
      await set.catch(pointAt({ pointer: '#/scope', in: 'path' }, 'account not found')),
      { scope, epoch: await epoch },
      reply,
    );
  }
}

/** Without undefined members. */
const definedOf = <T extends object>(members: T): { [Name in keyof T]: Exclude<T[Name], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;

function answer(
  { control, halted }: Controls,
  { scope, epoch }: { readonly scope: string; readonly epoch: string },
  reply: Reply,
): ControlsResponse {
  const { id: aggregateId, version, limits } = control;
  reply.headers({
    etag: etagOf({ version, epoch }),
    ...(version > 0 && { 'consistency-token': encodeConsistencyToken({ epoch, aggregateId, version }) }),
  });
  return {
    scope,
    trading: halted ? 'halted' : 'resumed',
    ...(halted?.reason !== undefined && { reason: halted.reason }),
    limits,
    version,
  };
}
