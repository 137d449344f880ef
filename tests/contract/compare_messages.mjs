// Case A6 of AsyncAPI: what those rely on who listen, are notified or ask for what they want to hear is still so. Each
// function returns what is broken, in words.
import { compareSchemas, named } from "./compare.mjs";

/** How a protocol carries what is told. */
function compareBindings(old, now, where) {
  const told = (operation, protocol) => JSON.stringify({ ...operation.bindings?.[protocol], bindingVersion: undefined });
  return Object.keys(old.bindings ?? {}).filter((protocol) => told(old, protocol) !== told(now, protocol)).map((protocol) => `${where}: goes by ${protocol} otherwise now`);
}

function compareMessages(old, now, was, is, where, isInput) {
  const type = (message, contract) => message.contentType ?? contract.defaultContentType;
  const broken = type(old, was) === type(now, is) ? [] : [`${where}: was ${type(old, was)}, is ${type(now, is)}`];
  if (old.headers || (isInput && now.headers)) broken.push(...compareSchemas(old.headers ?? { type: "object" }, now.headers ?? { type: "object" }, was, is, `${where} headers`, isInput));
  return [...broken, ...compareSchemas(old.payload, now.payload, was, is, where, isInput)];
}

/** What the server sends, others are answered by it; what it receives, they send. */
function compareOperations(old, now, was, is, where) {
  if (!now) return [`${where}: is gone`];
  const broken = compareBindings(old, now, where);
  if (old.action !== now.action || old.channel.$ref !== now.channel.$ref) broken.push(`${where}: was ${old.action} at ${old.channel.$ref}, is ${now.action} at ${now.channel.$ref}`);
  for (const message of old.messages) {
    const same = named(now.messages.find(({ $ref }) => $ref === message.$ref), is);
    const place = `${where} ${message.$ref.split("/").pop()}`;
    if (same) broken.push(...compareMessages(named(message, was), same, was, is, place, old.action === "receive"));
    else broken.push(`${place}: is gone`);
  }
  return broken;
}

function compareChannels(old, now, where) {
  if (!now) return [`${where}: is gone`];
  const broken = old.address === now.address ? [] : [`${where}: was at ${old.address}, is at ${now.address}`];
  for (const name of Object.keys(old.messages)) if (!now.messages[name]) broken.push(`${where}: has no ${name} any more`);
  return broken;
}

export function breakingMessages(was, is) {
  const compared = (compare, part) => Object.entries(was[part]).flatMap(([name, old]) => compare(old, is[part][name], name));
  return [...compared(compareChannels, "channels"), ...compared((old, now, where) => compareOperations(old, now, was, is, where), "operations")];
}
