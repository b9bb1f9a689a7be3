/** Terms of the grammar in words that a person who writes contracts knows. */

/** Tokens that only an expression can start with: if all may stand, say so once. */
const EXPRESSION = '"Nil"';
const OPERATORS = new Set([
  '"or"',
  '"||"',
  '"and"',
  '"&&"',
  '"matches"',
  '"=="',
  '"!="',
  '"<"',
  '"<="',
  '">"',
  '">="',
  '"+"',
  '"-"',
  '"++"',
  '"--"',
  '"*"',
  '"/"',
  '"%"',
  '"%%"',
  '"/\\\\"',
  '"\\\\/"',
  '"."',
]);
const TYPE_WORDS = ['"Bool"', '"Int"', '"BigInt"', '"Float"', '"String"', '"Uri"', '"ByteArray"'];
const STARTS = new Set([
  '"Nil"',
  '"true"',
  '"false"',
  ...TYPE_WORDS,
  '"("',
  '"["',
  '"{"',
  '"Set"',
  '"~"',
  '"="',
  '"*"',
  '"@"',
  '"not"',
  '"-"',
  '"if"',
  '"new"',
  '"contract"',
  '"for"',
  '"select"',
  '"match"',
  '"let"',
  'Identifier',
  'Wildcard',
  'Integer',
  'BigInteger',
  'Float',
  'String',
  'Uri',
  '"bundle"',
  '"bundle0"',
  'bundleSign',
]);

const WORDS: Readonly<Record<string, string>> = {
  Identifier: 'a variable',
  Wildcard: '`_`',
  Integer: 'a number',
  BigInteger: 'a big integer',
  Float: 'a float',
  String: 'a string',
  Uri: 'a URI in backticks',
  bundleSign: '`bundle+`',
  '␄': 'the end of the program',
};

/** What could stand, in few words, most telling first. */
export function describeExpected(possible: readonly string[]): string[] {
  const rest = new Set(possible);
  const words: string[] = [];
  const take = (names: Iterable<string>): void => {
    for (const name of names) rest.delete(name);
  };
  if (rest.has(EXPRESSION)) {
    if (!rest.has('"not"')) words.push('a value or pattern');
    else words.push(rest.has('"new"') ? 'a process' : 'an expression');
    take(STARTS);
  } else if (rest.has('"@"') && rest.has('Identifier')) {
    words.push('a name (a variable, `_` or `@…`)');
    take(['"@"', 'Identifier', 'Wildcard']);
  }
  const operators = [...rest].filter((name) => OPERATORS.has(name));
  if (operators.length > 3) take(operators);
  for (const name of rest) words.push(WORDS[name] ?? `\`${JSON.parse(name) as string}\``);
  if (operators.length > 3) words.push('an operator');
  return words;
}

/** What stands there. */
export function describeToken(name: string, text: string): string {
  if (name === '␄') return 'the end of the program';
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  switch (name) {
    case 'Identifier':
      return `the variable \`${shown}\``;
    case 'Integer':
      return `the number \`${shown}\``;
    case 'BigInteger':
      return `the big integer \`${shown}\``;
    case 'Float':
      return `the float \`${shown}\``;
    case 'String':
      return `the string ${shown.replaceAll('\n', '\\n')}`;
    case 'Uri':
      return `the URI ${shown}`;
    default:
      return /^"[A-Za-z0-9]+"$/.test(name) ? `the keyword \`${shown}\`` : `\`${shown}\``;
  }
}

export function startsProcess(name: string): boolean {
  return STARTS.has(name) && !OPERATORS.has(name);
}
