/** A backend that is a sorted table in memory and counts writes. */

import type { Backend, BackendTable } from '../../src/ports/backend.ts';

export class FakeBackend {
  readonly rows = new Map<string, Uint8Array>();
  writes = 0;

  readonly leaseTable: Pick<BackendTable, 'get' | 'put' | 'remove' | 'scan'> = {
    get: (key) => this.rows.get(hex(key)),
    put: (key, value) => {
      this.writes += 1;
      this.rows.set(hex(key), value);
    },
    remove: (key) => {
      this.writes += 1;
      this.rows.delete(hex(key));
    },
    scan: (_range, visit) => {
      for (const key of [...this.rows.keys()].sort()) {
        if (!visit(Buffer.from(key, 'hex'), this.rows.get(key)!)) return;
      }
    },
  };

  get port(): Backend {
    return {
      table: (name: string) => {
        if (name !== 'lease') throw new Error(`no table ${name}`);
        return this.leaseTable;
      },
    } as unknown as Backend;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
