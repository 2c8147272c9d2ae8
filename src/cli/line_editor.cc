// libedit reads characters through read_char below, which decodes UTF-8, turns Ctrl-C into an error
// that ends the line, and takes a bracketed paste in: its newlines and tabs reach the editor
// quoted, so they are text and end nothing.
#include "cli/line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <langinfo.h>
#include <atomic>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <deque>
#include <iostream>
#include <system_error>

#include "cli/terminal.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPasteBegin = "\x1b[200~", kPasteEnd = "\x1b[201~";
constexpr wchar_t kQuote = 0x16;  // Ctrl-V: libedit inserts the next character as it is
// libedit draws lines that hold both tabs and newlines wrongly, so a pasted tab is U+2409 while the
// message is edited.
constexpr wchar_t kTabSymbol = 0x2409;
constexpr std::string_view kTabSymbolUtf8 = "␉";
constexpr int kHistorySize = 1000;

std::atomic<bool> g_resized{false};

void catch_resize() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_resized.store(true, std::memory_order_relaxed); };
  sigemptyset(&action.sa_mask);
  sigaction(SIGWINCH, &action, nullptr);
}

// libedit converts by the locale; where that is not UTF-8, C.UTF-8 is.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

// The editor writes to the terminal even where answers go to a file.
std::FILE* screen() { return is_terminal(stdout) ? stdout : stderr; }

void say(std::string_view sequence) {
  std::fwrite(sequence.data(), 1, sequence.size(), screen());
  std::fflush(screen());
}

std::string with_tab_symbols(std::string_view message) {
  std::string out;
  for (char c : message) c == '\t' ? out += kTabSymbolUtf8 : out += c;
  return out;
}

std::string with_tabs(std::string_view line) {
  std::string out;
  for (size_t at = 0; at < line.size();) {
    const bool tab = line.substr(at).starts_with(kTabSymbolUtf8);
    out += tab ? '\t' : line[at];
    at += tab ? kTabSymbolUtf8.size() : 1;
  }
  return out;
}

}  // namespace

struct LineEditor::State {
  EditLine* editor = nullptr;
  History* history = nullptr;
  fs::path history_file;
  std::string bytes;           // read from the terminal, not yet decoded
  std::deque<wchar_t> queued;  // decoded, for libedit to take
  bool in_paste = false;
  bool listens = false;  // for this line, the terminal was asked to mark pastes
  const char* prompt = "> ";

  // One more byte into `bytes`; false: end, error or interrupt (errno tells).
  bool read_byte() {
    for (;;) {
      if (interrupted()) {
        errno = EINTR;
        return false;
      }
      char c = 0;
      const ssize_t n = ::read(STDIN_FILENO, &c, 1);
      if (n == 1) {
        bytes += c;
        return true;
      }
      if (n == 0) {
        errno = 0;
        return false;
      }
      if (errno != EINTR) return false;
      if (g_resized.exchange(false)) el_resize(editor);
    }
  }

  static bool more_at_once() {
    pollfd p{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    return poll(&p, 1, 20) > 0;
  }

  // `bytes` begins with ESC: reads on while it can become `marker`. True: it is the marker, which
  // is taken off.
  bool take_marker(std::string_view marker) {
    while (bytes.size() < marker.size() && marker.starts_with(bytes) && more_at_once()) {
      if (!read_byte()) return false;
    }
    if (!std::string_view(bytes).starts_with(marker)) return false;
    bytes.erase(0, marker.size());
    return true;
  }

  void queue_pasted(wchar_t c) {
    if (c == L'\r') c = L'\n';
    if (c == L'\t') c = kTabSymbol;
    if ((c < 0x20 && c != L'\n') || c == 0x7f) return;
    if (c == L'\n') queued.push_back(kQuote);
    queued.push_back(c);
  }

  // One character of `bytes`, which holds at least one byte, into `queued`. False as read_byte.
  bool decode_one() {
    std::mbstate_t shift{};
    wchar_t c = 0;
    size_t n = 0;
    while ((n = std::mbrtowc(&c, bytes.data(), bytes.size(), &shift)) == static_cast<size_t>(-2)) {
      if (!read_byte()) return false;
      shift = {};
    }
    if (n == static_cast<size_t>(-1)) {
      n = 1;
      c = 0xfffd;
    }
    bytes.erase(0, n == 0 ? 1 : n);
    in_paste ? queue_pasted(c) : queued.push_back(c);
    return true;
  }

  bool fill() {
    while (queued.empty()) {
      if (bytes.empty() && !read_byte()) return false;
      if (bytes.front() == '\x1b' && take_marker(in_paste ? kPasteEnd : kPasteBegin)) {
        in_paste = !in_paste;
        continue;
      }
      if (!decode_one()) return false;
    }
    return true;
  }

  static int read_char(EditLine* editor, wchar_t* out) {
    State* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    self->listen();
    errno = 0;
    if (!self->fill()) return errno == 0 ? 0 : -1;
    *out = self->queued.front();
    self->queued.pop_front();
    return 1;
  }

  // libedit draws the prompt first and takes the terminal out of its line mode only when it wants a
  // character. Said here, the mark is a promise that each key arrives as it is typed.
  void listen() {
    if (!listens) say("\x1b[?2004h");
    listens = true;
  }

  static char* get_prompt(EditLine* editor) {
    State* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return const_cast<char*>(self->prompt);
  }

  void open() {
    use_utf8();
    catch_resize();
    editor = el_init("fathom", stdin, screen(), stderr);
    history = history_init();
    HistEvent event;
    ::history(history, &event, H_SETSIZE, kHistorySize);
    ::history(history, &event, H_SETUNIQUE, 1);
    if (!history_file.empty()) ::history(history, &event, H_LOAD, history_file.c_str());
    el_set(editor, EL_CLIENTDATA, this);
    el_set(editor, EL_PROMPT, &State::get_prompt);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_HIST, ::history, history);
    el_set(editor, EL_GETCFN, &State::read_char);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(editor, nullptr);  // the user's ~/.editrc
  }

  Outcome read_line(std::string& line) {
    el_resize(editor);
    int n = 0;
    const char* text = el_gets(editor, &n);
    say("\x1b[?2004l");
    in_paste = listens = false;
    if (text != nullptr && n > 0) {
      line = with_tabs(std::string_view(text, static_cast<size_t>(n)));
      return Outcome::kLine;
    }
    if (!interrupted()) return Outcome::kEnd;
    clear_interrupt();
    bytes.clear();
    queued.clear();
    el_reset(editor);
    say("^C\n");
    return Outcome::kInterrupted;
  }

  void remember(const std::string& message) {
    HistEvent event;
    ::history(history, &event, H_ENTER, with_tab_symbols(message).c_str());
    if (!history_file.empty()) ::history(history, &event, H_SAVE, history_file.c_str());
  }
};

LineEditor::LineEditor(fs::path history_file) : state_(std::make_unique<State>()) {
  state_->history_file = std::move(history_file);
  if (is_terminal(stdin)) state_->open();
}

LineEditor::~LineEditor() {
  if (state_->history != nullptr) history_end(state_->history);
  if (state_->editor != nullptr) el_end(state_->editor);
}

LineEditor::Outcome LineEditor::read(std::string& message) {
  message.clear();
  if (state_->editor == nullptr) {
    return std::getline(std::cin, message) ? Outcome::kLine : Outcome::kEnd;
  }
  state_->prompt = "> ";
  for (std::string line;;) {
    const Outcome outcome = state_->read_line(line);
    if (outcome != Outcome::kLine) return outcome;
    if (line.ends_with('\n')) line.pop_back();
    const bool goes_on = line.ends_with('\\');
    if (goes_on) line.pop_back();
    message += line;
    if (!goes_on) break;
    message += '\n';
    state_->prompt = "… ";
  }
  if (message.find_first_not_of(" \t\n") != std::string::npos) state_->remember(message);
  return Outcome::kLine;
}

fs::path chat_history_file() {
  const char* state_home = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  fs::path directory;
  if (state_home != nullptr && *state_home != '\0') {
    directory = fs::path(state_home) / "fathom";
  } else if (home != nullptr && *home != '\0') {
    directory = fs::path(home) / ".local/state/fathom";
  } else {
    return {};
  }
  std::error_code error;
  fs::create_directories(directory, error);
  return error ? fs::path() : directory / "history";
}

}  // namespace fathom
