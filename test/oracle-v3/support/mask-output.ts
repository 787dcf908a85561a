/**
 * What etcdctl prints, without what no two runs share: ids that a run has chosen become <id 1>, <id 2> ... in the order in which they appear (the same id, in
 * decimal or hexadecimal, is the same name), and ports, times, sizes and raft's figures are named by what they are.
 */

/** Ids that are the same in every run of one member with the default URLs. */
const KNOWN_IDS = new Set([0x1c45a069f3a1d796n, 0xb71f75320dc06a6cn]);
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
/** Ids below it are a script's own. */
const SMALLEST_CHOSEN = 2n ** 40n;
const FIGURES = 'raft_term|raftTerm|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse|totalSize';

export class OutputMask {
  /** Text of this run to what stands for it. */
  readonly texts = new Map<string, string>();
  /** The same for whole words. */
  readonly words = new Map<string, string>();
  readonly #ids = new Map<bigint, string>();

  name(id: bigint, name: string): void {
    this.#ids.set(id, name);
  }

  /** `command`: what has printed it. */
  lines(text: string, command: string): string[] {
    const whole = text.endsWith('\n') ? text.slice(0, -1) : text;
    const lines = whole === '' ? [] : cutUsage(whole.split('\n')).map((line) => this.#line(line));
    // Whole seconds that may have passed meanwhile.
    return command.includes('timetolive') ? lines.map(withoutSeconds) : lines;
  }

  #line(line: string): string {
    let masked = line;
    for (const [text, name] of this.texts) masked = masked.replaceAll(text, name);
    if (this.words.size > 0) masked = masked.replace(/\b\w+\b/g, (word) => this.words.get(word) ?? word);
    if (masked.startsWith('{"level":')) masked = logLine(masked);
    masked = isTable(masked) ? tableLine(masked) : masked;
    masked = masked
      .replace(new RegExp(`"(${FIGURES})":("[^"]*"|\\d+)`, 'g'), (_, name: string) => `"${name}":<${name}>`)
      .replace(/"version":"\d[^"]*"/, '"version":<version>')
      .replace(/^"(Version)" : ".*$/, '"$1" : <$1>')
      .replace(/^"(RaftTerm|RaftIndex|RaftAppliedIndex|DBSize|DBSizeInUse)" : .*$/, '"$1" : <$1>')
      .replace(
        /, \d+\.\d+\.\d+, [\d.]+ [kM]?B, (\w+), (\w+), \d+, \d+, \d+,/,
        ', <version>, <size>, $1, $2, <figures>,',
      )
      .replace(
        /^ETCD_INITIAL_CLUSTER="(.*)"$/,
        (_, list: string) => `ETCD_INITIAL_CLUSTER="${list.split(',').sort().join(',')}"`,
      )
      .replace(/remaining\(\d+s\)/, 'remaining(<seconds>)')
      .replace(/took = [\d.]+(ms|µs|\xc2\xb5s|s)/, 'took = <time>')
      .replace(/"took":"[^"]*"/, '"took":"<time>"');
    masked = masked.replace(/(?<![\w-])-?(?:[0-9a-f]{13,16}|\d{16,20})(?!\w)/g, (id) => this.#nameOf(id));
    // Some ids are filled up with blanks.
    masked = masked.replace(/ +(?=<(id|member|cluster))/g, ' ');
    return escapeBytes(inOneOrder(masked));
  }

  #nameOf(text: string): string {
    const isDecimal = /^-?\d{17,}$/.test(text) || !/[a-f]/.test(text);
    const id = isDecimal && text.length > 16 ? BigInt(text) : BigInt(`0x${text.replace('-', '')}`);
    if (KNOWN_IDS.has(id) || id < SMALLEST_CHOSEN) return text;
    const known = this.#ids.get(id) ?? `<id ${this.#ids.size + 1}>`;
    this.#ids.set(id, known);
    return known;
  }
}

/** Members are listed by their ids, which a run chooses. */
function inOneOrder(line: string): string {
  return line.replace(
    /"members":\[(\{.*?\})\]\}/,
    (_, list: string) =>
      `"members":[${list
        .split(/(?<=\}),(?=\{)/)
        .sort()
        .join(',')}]}`,
  );
}

/** How a command is used, and where the client has broken down, is not the server's. */
function cutUsage(lines: readonly string[]): readonly string[] {
  if (lines[0] === 'NAME:') return ['(usage)'];
  const panic = lines.findIndex((line) => line.startsWith('panic:'));
  return panic < 0 ? lines : lines.slice(0, panic + 1);
}

function withoutSeconds(line: string): string {
  return line.replace(/"ttl":[1-9]\d*/, '"ttl":<seconds>').replace(/^"TTL" : [1-9]\d*$/, '"TTL" : <seconds>');
}

/** The client's own log: its sentence and the error in it. */
function logLine(line: string): string {
  const { level, msg, error, attempt } = JSON.parse(line) as Record<string, unknown>;
  const words = [`(${String(level)}) ${String(msg)}`];
  if (attempt !== undefined) words.push(`attempt ${String(attempt)}`);
  if (error !== undefined) words.push(String(error));
  return words.join(': ');
}

/** Vertical bars of ASCII, or of Unicode as latin1 shows its bytes. */
function isTable(line: string): boolean {
  return /^(\||\+-|\xe2\x94)/.test(line);
}

/** Widths follow from what is in the cells. */
function tableLine(line: string): string {
  const text = Buffer.from(line, 'latin1').toString('utf8').replaceAll('│', '|');
  if (!text.startsWith('|')) return '+--+';
  return text
    .replace(/ +/g, ' ')
    .replace(/\| \d+(\.\d+)? [kM]?B /g, '| <size> ')
    .replace(/\| [\d.]+(ms|µs|s) \|/, '| <time> |')
    .replace(/\| (true|false) \| (true|false) \| \d+ \| \d+ \| \d+ \|/, '| $1 | $2 | <figures> |')
    .replace(/\| \d+\.\d+\.\d+ /, '| <version> ');
}

function escapeBytes(line: string): string {
  const text = Buffer.from(line, 'latin1').toString('utf8');
  const shown = text.includes('\ufffd') ? line : text;
  return shown.replace(CONTROLS, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
