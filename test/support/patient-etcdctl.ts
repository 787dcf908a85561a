/** etcdctl gives up connecting after two seconds and any command after five, unless told: too soon for a machine that is busy with other things. */
export const PATIENCE: readonly string[] = ['--dial-timeout=60s', '--command-timeout=120s'];
