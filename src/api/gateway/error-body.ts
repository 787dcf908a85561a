/**
 * Errors as the gateway tells them. The line of etcd 3.5 that Debian ships has version 2 of the gateway, the one upstream ships has version 1; clients look
 * for the fields of either, so both are there:
 *
 *   answer  {"error": text, "code": number, "message": text}                                   version 2: code and message
 *   stream  {"error": {"grpc_code", "http_code", "message", "http_status", "code": number}}    version 2: code and message
 */
import { GrpcStatus } from '../../net/grpc-call.ts';

interface HttpStatus {
  readonly code: number;
  readonly reason: string;
}

const SERVER_ERROR: HttpStatus = { code: 500, reason: 'Internal Server Error' };
const BAD_REQUEST: HttpStatus = { code: 400, reason: 'Bad Request' };
const CONFLICT: HttpStatus = { code: 409, reason: 'Conflict' };

const httpStatuses: Readonly<Record<GrpcStatus, HttpStatus>> = {
  [GrpcStatus.ok]: { code: 200, reason: 'OK' },
  // Nobody reads it: the client has gone.
  [GrpcStatus.cancelled]: { code: 499, reason: 'Client Closed Request' },
  [GrpcStatus.unknown]: SERVER_ERROR,
  [GrpcStatus.invalidArgument]: BAD_REQUEST,
  [GrpcStatus.deadlineExceeded]: { code: 504, reason: 'Gateway Timeout' },
  [GrpcStatus.notFound]: { code: 404, reason: 'Not Found' },
  [GrpcStatus.alreadyExists]: CONFLICT,
  [GrpcStatus.permissionDenied]: { code: 403, reason: 'Forbidden' },
  [GrpcStatus.resourceExhausted]: { code: 429, reason: 'Too Many Requests' },
  [GrpcStatus.failedPrecondition]: BAD_REQUEST,
  [GrpcStatus.aborted]: CONFLICT,
  [GrpcStatus.outOfRange]: BAD_REQUEST,
  [GrpcStatus.unimplemented]: { code: 501, reason: 'Not Implemented' },
  [GrpcStatus.internal]: SERVER_ERROR,
  [GrpcStatus.unavailable]: { code: 503, reason: 'Service Unavailable' },
  [GrpcStatus.dataLoss]: SERVER_ERROR,
  [GrpcStatus.unauthenticated]: { code: 401, reason: 'Unauthorized' },
};

export function httpCode(status: GrpcStatus): number {
  return httpStatuses[status].code;
}

export function errorBody(status: GrpcStatus, message: string): string {
  return JSON.stringify({ error: message, code: status, message });
}

export function streamErrorBody(status: GrpcStatus, message: string): string {
  const { code, reason } = httpStatuses[status];
  const error = { grpc_code: status, http_code: code, message, http_status: reason, code: status };
  return JSON.stringify({ error });
}
