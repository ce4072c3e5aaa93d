-- The globals of scripts: what Redis 7.0 opens, read-only as it is there, and
-- without a way to see an address or a clock. Runs once, with the functions
-- of the host, before any script.

local host = ...

local error, getmetatable, loadstring, next, pcall, rawget, rawset, select, setmetatable, tostring,
  type, unpack, xpcall =
  error, getmetatable, loadstring, next, pcall, rawget, rawset, select, setmetatable, tostring,
  type, unpack, xpcall
local format, match = string.format, string.match
local error_value, where = host.error_value, host.where

-- Read-only tables are empty ones that look things up in the real ones.
local hidden = {}

local function refuse_write()
  error('Attempt to modify a readonly table', 2)
end

local function read_only(table)
  local meta = { __index = table, __newindex = refuse_write }
  local proxy = setmetatable({}, meta)
  hidden[proxy] = table
  return proxy, meta
end

-- For an `__index`, on behalf of whoever reads.
local function refuse_missing(name)
  error(format("Script attempted to access nonexistent global variable '%s'", tostring(name)), 3)
end

local function bad_argument(number, name, expected, ...)
  local got = select('#', ...) == 0 and 'no value' or type((...))
  error(format("bad argument #%d to '%s' (%s expected, got %s)", number, name, expected, got), 3)
end

-- Objects as keys are hashed by address: no two runs would agree on an order.
local is_object = { table = true, ['function'] = true, thread = true, userdata = true }

local function require_order(table)
  for key in next, table do
    if is_object[type(key)] then
      error('A table whose keys are tables or functions cannot be walked', 3)
    end
  end
end

local globals = { _VERSION = _VERSION }
local string_metatable = read_only(getmetatable(''))
local globals_metatable = read_only({})

-- Libraries that are made when they are first named, or all are asked for.
local closed = { bit = true, cjson = true, cmsgpack = true, struct = true }

local function open(name)
  closed[name] = nil
  local library = read_only(host.library(name))
  globals[name] = library
  return library
end

local function open_all(table)
  if table == globals then
    for _, name in next, { 'bit', 'cjson', 'cmsgpack', 'struct' } do
      if closed[name] then
        open(name)
      end
    end
  end
end

for _, name in next, {
  'assert', 'collectgarbage', 'error', 'gcinfo', 'ipairs', 'rawequal', 'select', 'tonumber',
  'type', 'unpack',
} do
  globals[name] = _G[name]
end

function globals.getmetatable(...)
  local object = ...
  if type(object) == 'string' then
    return string_metatable
  elseif object == globals._G then
    return globals_metatable
  elseif hidden[object] then
    return nil
  end
  return getmetatable(...)
end

function globals.setmetatable(...)
  if hidden[(...)] then
    error({ err = 'ERR Attempt to modify a readonly table' }, 0)
  end
  return setmetatable(...)
end

function globals.rawget(...)
  local real = hidden[(...)]
  if real then
    open_all(real)
    return rawget(real, (select(2, ...)))
  end
  return rawget(...)
end

function globals.rawset(...)
  if hidden[(...)] then
    error({ err = 'ERR Attempt to modify a readonly table' }, 0)
  end
  return rawset(...)
end

function globals.next(...)
  local table, key = ...
  if type(table) ~= 'table' then
    bad_argument(1, 'next', 'table', ...)
  end
  table = hidden[table] or table
  require_order(table)
  open_all(table)
  return next(table, key)
end

function globals.pairs(...)
  local table = ...
  if type(table) ~= 'table' then
    bad_argument(1, 'pairs', 'table', ...)
  end
  table = hidden[table] or table
  require_order(table)
  open_all(table)
  return next, table, nil
end

-- A counter in the place of an address.
local numbers, last_number = setmetatable({}, { __mode = 'k' }), 0

function globals.tostring(...)
  local object = ...
  local kind = type(object)
  local meta = is_object[kind] and getmetatable(object)
  if not is_object[kind] or object == host.null or (meta and rawget(meta, '__tostring')) then
    return tostring(...)
  end
  local number = numbers[object]
  if not number then
    last_number = last_number + 1
    number = last_number
    numbers[object] = number
  end
  return format('%s: 0x%012x', kind, number)
end

-- Errors that the host raised are tables to whoever catches them.
local function caught(ok, ...)
  if ok then
    return ok, ...
  end
  return ok, error_value((...))
end

-- Redis's pcall makes them strings.
local function caught_text(ok, ...)
  if ok then
    return ok, ...
  end
  local value = error_value((...))
  local text = type(value) == 'table' and value.err
  return ok, type(text) == 'string' and text or value
end

function globals.pcall(...)
  return caught_text(pcall(...))
end

function globals.xpcall(body, handler)
  return xpcall(body, function(value)
    return handler(error_value(value))
  end)
end

-- Compiled code must be text: bytecode could break out of the interpreter.
function globals.loadstring(...)
  local text = ...
  if type(text) == 'string' and text:byte() == 27 then
    return nil, 'attempt to load bytecode'
  end
  return loadstring(...)
end

function globals.load(reader, name)
  if type(reader) ~= 'function' then
    bad_argument(1, 'load', 'function', reader)
  end
  local pieces = {}
  for piece in reader do
    if piece == '' then
      break
    end
    pieces[#pieces + 1] = piece
  end
  return globals.loadstring(table.concat(pieces), name or '=(load)')
end

local resume = coroutine.resume
function coroutine.resume(...)
  return caught(resume(...))
end

function table.foreach(t, body)
  for key, value in globals.pairs(t) do
    local result = body(key, value)
    if result ~= nil then
      return result
    end
  end
end

-- Redis's generator.
math.random = host.random
math.randomseed = host.randomseed

local function error_table(text)
  local code, message = match(text, '^%-([^ ]*) (.*)$')
  if not code then
    code, message = 'ERR', text:sub(2)
  end
  return { err = code .. ' ' .. match(message, '^[\r\n]*(.-)[\r\n]*$') }
end

local function one_string(...)
  if select('#', ...) ~= 1 or type((...)) ~= 'string' then
    return nil, { err = 'ERR wrong number or type of arguments' }
  end
  return (...)
end

local redis = {
  LOG_DEBUG = 0,
  LOG_VERBOSE = 1,
  LOG_NOTICE = 2,
  LOG_WARNING = 3,
  REPL_NONE = 0,
  REPL_AOF = 1,
  REPL_REPLICA = 2,
  REPL_SLAVE = 2,
  REPL_ALL = 3,
  REDIS_VERSION = '7.0.15',
  REDIS_VERSION_NUM = 458767,
  acl_check_cmd = host.acl_check_cmd,
  call = host.call,
  pcall = host.pcall,
  log = host.log,
  set_repl = host.set_repl,
  setresp = host.setresp,
  sha1hex = host.sha1hex,
}

function redis.error_reply(...)
  local text, wrong = one_string(...)
  if wrong then
    return wrong
  end
  return error_table(text:byte() == 45 and text or '-' .. text)
end

function redis.status_reply(...)
  local text, wrong = one_string(...)
  return wrong or { ok = text }
end

if not host.is_for_functions then
  function redis.breakpoint()
    return false
  end

  function redis.debug() end

  function redis.replicate_commands()
    return true
  end
end

-- KEYS and ARGV change from run to run; `globals` itself is out of reach.
local scope, scope_meta = read_only(globals)

globals._G = scope
globals.redis = read_only(redis)
globals.string = read_only(string)
globals.table = read_only(table)
globals.math = read_only(math)
globals.coroutine = read_only(coroutine)

getmetatable('').__index = globals.string

setmetatable(globals, {
  __index = function(_, name)
    if closed[name] then
      return open(name)
    end
    refuse_missing(name)
  end,
})

local function handle(value)
  value = error_value(value)
  local source, line = where()
  if type(value) ~= 'table' then
    value = { err = 'ERR ' .. globals.tostring(value) }
  end
  if source then
    rawset(value, 'source', source)
    rawset(value, 'line', line)
  end
  return value
end

-- What the host calls, by its number and while the host keeps it.
local callables, last_callable = setmetatable({}, { __mode = 'v' }), 0

-- Numbers a script. It is called where a function ends, which errors take for C:
-- that is what calls it in Redis.
local function add(script)
  local function call(keys, args)
    globals.KEYS = keys
    globals.ARGV = args
    return script()
  end
  if host.is_for_functions then
    call = function(keys, args)
      return script(keys, args)
    end
  end
  last_callable = last_callable + 1
  callables[last_callable] = call
  return last_callable, call
end

-- Calls one script after the other until there is none, or one fails:
-- `exchange` takes what the last one returned, and gives the next.
local function run(exchange)
  local function serve()
    local callables, exchange = callables, exchange
    local number, keys, args = exchange()
    while number do
      number, keys, args = exchange(callables[number](keys, args))
    end
  end
  -- On one line: where a script was stopped, the next line fails as well.
  return xpcall(serve, handle)
end

-- What a library has while it is loaded.
local function library_scope()
  local allowed = { register_function = host.register_function, log = host.log }
  for name, value in next, redis do
    if match(name, '^LOG_') or match(name, '^REDIS_') then
      allowed[name] = value
    end
  end
  local only = {
    __index = function(_, name)
      refuse_missing(name)
    end,
  }
  return setmetatable({ redis = read_only(setmetatable(allowed, only)) }, only)
end

local function load(body)
  local library = library_scope()
  scope_meta.__index, hidden[scope] = library, library
  local ok, value = pcall(body)
  scope_meta.__index, hidden[scope] = globals, globals
  return ok, error_value(value)
end

return { globals = scope, add = add, run = run, load = load }
