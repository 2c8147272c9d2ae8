// A program on a pseudo-terminal, for tests of what a person types and sees.
#pragma once

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

namespace fathom {

/// A program on a pseudo-terminal of its own.
class Terminal {
 public:
  Terminal(const std::vector<std::string>& arguments, const std::string& home) {
    winsize size{.ws_row = 40, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
    child_ = forkpty(&fd_, nullptr, nullptr, &size);
    if (child_ != 0) return;
    setenv("TERM", "xterm", 1);
    setenv("HOME", home.c_str(), 1);
    unsetenv("XDG_STATE_HOME");
    unsetenv("NO_COLOR");
    std::vector<char*> argv;
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  ~Terminal() {
    if (child_ > 0) kill(child_, SIGKILL);
    if (child_ > 0) waitpid(child_, nullptr, 0);
    close(fd_);
  }
  /// False: not all of it was taken.
  bool type(const std::string& keys) {
    return write(fd_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size());
  }

  /// Reads on until `text` comes after what was awaited before; false: it did not within a minute.
  bool await(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    for (;;) {
      const size_t at = seen_.find(text, awaited_);
      if (at != std::string::npos) {
        awaited_ = at + text.size();
        return true;
      }
      if (std::chrono::steady_clock::now() > deadline || !read_more()) return false;
    }
  }
  /// The editor listens: each key typed from here on arrives as it is.
  bool await_prompt() { return await("\x1b[?2004h"); }
  /// Reads to the end; the exit status of the program, -1 for a signal or where no end comes.
  int wait() {
    while (read_more()) {
    }
    if (timed_out_) kill(child_, SIGKILL);
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& seen() const { return seen_; }

 private:
  bool read_more() {
    char buffer[4096];
    pollfd p{.fd = fd_, .events = POLLIN, .revents = 0};
    timed_out_ = poll(&p, 1, 60000) <= 0;
    if (timed_out_) return false;
    const ssize_t n = read(fd_, buffer, sizeof buffer);
    if (n <= 0) return false;
    seen_.append(buffer, static_cast<size_t>(n));
    return true;
  }
  int fd_ = -1;
  pid_t child_ = -1;
  std::string seen_;
  bool timed_out_ = false;
  size_t awaited_ = 0;
};

}  // namespace fathom
