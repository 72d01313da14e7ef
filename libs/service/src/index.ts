export { runService, type RunningService, type ServiceOptions } from './run/run-service.ts';
export { runProgram, type ProgramOptions } from './run/process.ts';
export { tokens } from './tokens.ts';
export {
  ConfigFaults,
  environment,
  localIssuer,
  readConfig,
  type Config,
  type ConfigNeeds,
  type Server,
  type Shape,
} from './run/config.ts';
export { Health, type Check, type CheckReport, type CheckResult, type ReadinessReport } from './run/health.ts';
export { audit } from './door/audit.ts';
export { rawProblem, RequestRefused, type FieldFault, type Problem } from './door/problems.ts';
export { validate, validated, type RequestPart } from './door/validated.ts';
export { RateLimits, type RouteClass } from './door/rate-limits.ts';
export { Authenticator, CallerOf, owns, Public, type Caller, type KnownCaller } from './door/auth.ts';
export { People } from './door/people.ts';
export { insufficientScope, Needs, OperatorsOnly, roles, type Role } from './door/permissions.ts';
