/**
 * Run with `node --import ./test/model/open-raft.mjs --import tsx`: the raft core's sources are loaded with their private fields
 * public, so that the model checker can copy, compare and restore a member's whole state. Nothing else of the code is changed,
 * unless QUORATE_MUTATION names a bug of mutations.mjs to plant. Registered before tsx, it sees the sources as they are written.
 */
import { register } from 'node:module';

register('./open-raft-loader.mjs', import.meta.url);
