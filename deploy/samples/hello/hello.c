// The sample: a page with the request's method and path, a greeting from a variable and a counter
// in a key-value store. Freestanding C over the component model's canonical ABI, so that it needs a
// compiler and nothing else, and stays small.
//
// Strings and lists cross the border as pointer and length. A function that returns more than one
// value writes them to memory that its caller provides, `Result` here; the words are at the offsets
// that the canonical ABI gives for the type in hello.wit.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

typedef struct { const char *start; u32 length; } Text;

// Large enough for everything that is returned. word[0] is a byte-sized tag in the low byte.
typedef struct { u32 word[12]; } __attribute__((aligned(8))) Result;

#define IMPORT(interface, name) __attribute__((import_module(interface), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))
#define HTTP "wasi:http/types@0.2.0"
#define STREAMS "wasi:io/streams@0.2.0"
#define VARIABLES "fermyon:spin/variables@2.0.0"
#define KEY_VALUE "fermyon:spin/key-value@2.0.0"

IMPORT(HTTP, "[method]incoming-request.method") void request_method(u32 request, Result *);
IMPORT(HTTP, "[method]incoming-request.path-with-query") void request_path(u32 request, Result *);
IMPORT(HTTP, "[resource-drop]incoming-request") void request_drop(u32 request);
IMPORT(HTTP, "[constructor]fields") u32 fields_new(void);
IMPORT(HTTP, "[method]fields.append")
void fields_append(u32 fields, const char *, u32, const char *, u32, Result *);
IMPORT(HTTP, "[constructor]outgoing-response") u32 response_new(u32 fields);
IMPORT(HTTP, "[method]outgoing-response.set-status-code") u32 response_status(u32 response, u32);
IMPORT(HTTP, "[method]outgoing-response.body") void response_body(u32 response, Result *);
IMPORT(HTTP, "[method]outgoing-body.write") void body_write(u32 body, Result *);
IMPORT(HTTP, "[static]outgoing-body.finish") void body_finish(u32 body, u32, u32, Result *);
IMPORT(HTTP, "[static]response-outparam.set")
void outparam_set(u32 outparam, u32 is_error, u32 response, u32, u64, u32, u32, u32, u32);
IMPORT(STREAMS, "[method]output-stream.blocking-write-and-flush")
void stream_write(u32 stream, const char *, u32, Result *);
IMPORT(STREAMS, "[resource-drop]output-stream") void stream_drop(u32 stream);
IMPORT(VARIABLES, "get") void variable_get(const char *, u32, Result *);
IMPORT(KEY_VALUE, "[static]store.open") void store_open(const char *, u32, Result *);
IMPORT(KEY_VALUE, "[method]store.get") void store_get(u32 store, const char *, u32, Result *);
IMPORT(KEY_VALUE, "[method]store.set")
void store_set(u32 store, const char *, u32, const char *, u32, Result *);
IMPORT(KEY_VALUE, "[resource-drop]store") void store_drop(u32 store);

#define TEXT(literal) ((Text){ literal, sizeof(literal) - 1 })
#define ARGS(text) (text).start, (text).length
#define TAG(result) ((result).word[0] & 0xff)

// Memory. Nothing is freed: every request gets an instance of its own.

extern u8 __heap_base;
static u32 heap_end;

static void *allocate(u32 size, u32 alignment) {
  if (!heap_end) heap_end = (u32)&__heap_base;
  u32 start = (heap_end + alignment - 1) & ~(alignment - 1);
  heap_end = start + size;
  u32 available = __builtin_wasm_memory_size(0) << 16;
  if (heap_end > available) {
    u32 pages = (heap_end - available + 0xffff) >> 16;
    if (__builtin_wasm_memory_grow(0, pages) == (__SIZE_TYPE__)-1) __builtin_trap();
  }
  return (void *)start;
}

// The host asks for memory here before it passes a string or list to this component.
EXPORT("cabi_realloc") void *cabi_realloc(void *old, u32 old_size, u32 alignment, u32 size) {
  u8 *new = allocate(size, alignment);
  for (u32 i = 0; i < old_size && i < size; i++) new[i] = ((u8 *)old)[i];
  return new;
}

// Output, written in pieces of the size that the stream takes at once.

#define PIECE 4096

typedef struct { u32 stream; u32 used; char *piece; } Page;

static void flush(Page *page) {
  Result ignored; // The only failure is a client that has gone.
  if (page->used) stream_write(page->stream, page->piece, page->used, &ignored);
  page->used = 0;
}

static void put(Page *page, Text text) {
  for (u32 i = 0; i < text.length; i++) {
    if (page->used == PIECE) flush(page);
    page->piece[page->used++] = text.start[i];
  }
}

static void put_escaped(Page *page, Text text) {
  for (u32 i = 0; i < text.length; i++) {
    switch (text.start[i]) {
      case '<': put(page, TEXT("&lt;")); break;
      case '>': put(page, TEXT("&gt;")); break;
      case '&': put(page, TEXT("&amp;")); break;
      case '"': put(page, TEXT("&quot;")); break;
      default: put(page, (Text){ text.start + i, 1 });
    }
  }
}

static int equals(Text left, Text right) {
  if (left.length != right.length) return 0;
  for (u32 i = 0; i < left.length; i++) if (left.start[i] != right.start[i]) return 0;
  return 1;
}

// What the page shows.

static Text method_of(u32 request) {
  static const Text names[] = {
    TEXT("GET"), TEXT("HEAD"), TEXT("POST"), TEXT("PUT"), TEXT("DELETE"), TEXT("CONNECT"),
    TEXT("OPTIONS"), TEXT("TRACE"), TEXT("PATCH"),
  };
  Result result;
  request_method(request, &result);
  if (TAG(result) < 9) return names[TAG(result)];
  return (Text){ (const char *)result.word[1], result.word[2] };
}

static Text path_of(u32 request) {
  Result result;
  request_path(request, &result);
  return TAG(result) ? (Text){ (const char *)result.word[1], result.word[2] } : TEXT("/");
}

static Text greeting(void) {
  Result result;
  variable_get(ARGS(TEXT("greeting")), &result);
  return TAG(result) ? TEXT("Hello") : (Text){ (const char *)result.word[1], result.word[2] };
}

static Text to_decimal(u64 number) {
  char *end = (char *)allocate(20, 1) + 20, *start = end;
  do *--start = '0' + number % 10; while (number /= 10);
  return (Text){ start, end - start };
}

// Adds one to the counter. Two requests at once may get the same number: the interface has no
// atomic addition, and a sample can do without.
static Text count_visit(void) {
  Result result;
  Text key = TEXT("visits");
  store_open(ARGS(TEXT("default")), &result);
  if (TAG(result)) return TEXT("?");
  u32 store = result.word[1];
  store_get(store, ARGS(key), &result);
  u64 visits = 0;
  if (!TAG(result) && (result.word[1] & 0xff)) {
    const char *digits = (const char *)result.word[2];
    for (u32 i = 0; i < result.word[3]; i++) {
      if (digits[i] < '0' || digits[i] > '9') break;
      visits = visits * 10 + (digits[i] - '0');
    }
  }
  Text text = to_decimal(visits + 1);
  store_set(store, ARGS(key), ARGS(text), &result);
  store_drop(store);
  return text;
}

static void write_page(Page *page, u32 request, Text path) {
  Text hello = greeting();
  put(page, TEXT("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>"));
  put_escaped(page, hello);
  put(page, TEXT("</title>\n<style>body { font: 1.1em sans-serif; max-width: 36em; margin: 4em auto; "
                 "padding: 0 1em }</style>\n<h1>"));
  put_escaped(page, hello);
  put(page, TEXT("!</h1>\n<p>You asked for <code>"));
  put_escaped(page, method_of(request));
  put(page, TEXT(" "));
  put_escaped(page, path);
  put(page, TEXT("</code>.</p>\n<p>This is visit number <b>"));
  put(page, count_visit());
  put(page, TEXT("</b>.</p>\n<p>The greeting is the variable <code>greeting</code>: start the app with "
                 "<code>--variable greeting=Hi</code> to change it.</p>\n</html>\n"));
}

EXPORT("wasi:http/incoming-handler@0.2.0#handle") void handle(u32 request, u32 outparam) {
  Result result;
  Text path = path_of(request);
  // Browsers ask for this unbidden; it is no visit.
  int is_icon = equals(path, TEXT("/favicon.ico"));
  u32 fields = fields_new();
  if (!is_icon) {
    fields_append(fields, ARGS(TEXT("content-type")), ARGS(TEXT("text/html; charset=utf-8")), &result);
  }
  u32 response = response_new(fields);
  if (is_icon) response_status(response, 404);
  response_body(response, &result);
  u32 body = result.word[1];
  outparam_set(outparam, 0, response, 0, 0, 0, 0, 0, 0);
  body_write(body, &result);
  Page page = { result.word[1], 0, allocate(PIECE, 1) };
  if (!is_icon) write_page(&page, request, path);
  flush(&page);
  stream_drop(page.stream);
  body_finish(body, 0, 0, &result);
  request_drop(request);
}
