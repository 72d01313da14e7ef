export { runService, type RunningService, type ServiceOptions } from './run-service.ts';
export { runProgram, type ProgramOptions } from './process.ts';
export { tokens, type Clock } from './tokens.ts';
export {
  ConfigFaults,
  environment,
  localIssuer,
  readConfig,
  type Config,
  type ConfigNeeds,
  type Server,
  type Shape,
} from './config.ts';
export { Health, type Check, type CheckReport, type CheckResult, type ReadinessReport } from './health.ts';
export { audit } from './audit.ts';
export { rawProblem, RequestRefused, type FieldFault, type Problem } from './problems.ts';
export { validate, validated, type RequestPart } from './validated.ts';
export { RateLimits, type RouteClass } from './rate-limits.ts';
export { Authenticator, CallerOf, owns, Public, type Caller } from './auth.ts';
export { insufficientScope, Needs, OperatorsOnly, roles, type Role } from './permissions.ts';
