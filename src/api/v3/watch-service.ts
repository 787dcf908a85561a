/** etcdserverpb.Watch: any number of watches over one stream. */
import type { GrpcMethod } from '../../net/grpc-call.ts';
import type { Clock } from '../../ports/clock.ts';
import { WatchRequestSchema } from '../../wire/generated/etcdserverpb/watch_pb.ts';
import { ownCopy } from '../../wire/v3/kv-requests.ts';
import { EventResponses } from './event-responses.ts';
import { attempt, failCall, type RpcContext, readRequest } from './rpc-context.ts';
import { WatchStream } from './watch-stream.ts';

export interface WatchServiceOptions {
  /** Between two notes of progress of a quiet watch: `--experimental-watch-progress-notify-interval`. */
  readonly progressIntervalMs: number;
  /** A response above it is sent in fragments to who asked for that. */
  readonly fragmentBytes: number;
  readonly clock: Clock;
  /** In [0, 1): spreads notes of progress. */
  readonly random: () => number;
}

const REFUSED = { message() {}, clientDone() {} };

export class WatchService {
  readonly #context: RpcContext;
  readonly #options: WatchServiceOptions;
  readonly #responses = new EventResponses();

  constructor(context: RpcContext, options: WatchServiceOptions) {
    this.#context = context;
    this.#options = options;
  }

  methods(): [string, GrpcMethod][] {
    return [
      [
        '/etcdserverpb.Watch/Watch',
        {
          kind: 'bidirectional',
          open: (call) => {
            const error = this.#context.refuseStream(call, false);
            if (error !== undefined) {
              failCall(call, error);
              return REFUSED;
            }
            call.sendHeaders();
            const stream = new WatchStream(call, this.#context, this.#options, this.#responses);
            return {
              message: (bytes) =>
                attempt(call, () => stream.request(readRequest(WatchRequestSchema, ownCopy(bytes)))),
              // Its watches go on, as etcd's do: the JSON gateway's client has said all when its body ends.
              clientDone() {},
            };
          },
        },
      ],
    ];
  }
}
