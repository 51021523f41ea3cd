#include "vpnd/host/file_io.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/vpnd/host/temporary_folder.hpp"
#include "vpnd/host/pid_file.hpp"
#include "vpnd/host/temp_file.hpp"

namespace vpnd::host {
namespace {

using ::testing::HasSubstr;

mode_t mode_of(const std::filesystem::path& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0;
}

using FileIo = TemporaryFolder;
using TempFileTest = TemporaryFolder;
using PidFileTest = TemporaryFolder;

TEST_F(FileIo, ReadsAFileWhole) {
  const std::string text = std::string("line\n\0zero", 10) + std::string(10'000, 'x');
  EXPECT_EQ(read_text_file(write("file", text)).text, text);
  EXPECT_TRUE(read_text_file(write("empty", "")).result.ok());
}

TEST_F(FileIo, RefusesWhatIsTooLongOrNoFile) {
  EXPECT_TRUE(read_text_file(write("file", "12345"), 5).result.ok());
  EXPECT_EQ(read_text_file(path("file"), 4).result.error, std::errc::file_too_large);
  EXPECT_EQ(read_text_file(path("none")).result.error, std::errc::no_such_file_or_directory);
  EXPECT_THAT(read_text_file(path("none")).result.reason, HasSubstr(path("none").string()));
  EXPECT_EQ(read_text_file(folder_).result.error, std::errc::is_a_directory);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_THAT(read_text_file(path("fifo")).result.reason, HasSubstr("not a regular file"));
}

TEST_F(FileIo, WritesANewFileWithTheModeAskedFor) {
  const mode_t before = ::umask(0077);
  EXPECT_TRUE(write_file_atomically(path("file"), "text", 0644).ok());
  ::umask(before);
  EXPECT_EQ(read("file"), "text");
  EXPECT_EQ(mode_of(path("file")), 0644U);
}

TEST_F(FileIo, ReplacesAFileButKeepsItsMode) {
  write("file", "old and longer");
  ::chmod(path("file").c_str(), 0640);
  EXPECT_TRUE(write_file_atomically(path("file"), "new").ok());
  EXPECT_EQ(read("file"), "new");
  EXPECT_EQ(mode_of(path("file")), 0640U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1)
      << "a temporary file was left";
}

TEST_F(FileIo, ShowsAReaderTheOldFileToItsEnd) {
  std::ifstream reader(write("file", "old"));
  EXPECT_TRUE(write_file_atomically(path("file"), "new").ok());
  std::string seen;
  reader >> seen;
  EXPECT_EQ(seen, "old");
}

TEST_F(FileIo, DoesNotReplaceLinksAndDevices) {
  std::filesystem::create_symlink(write("target", "old"), path("link"));
  EXPECT_TRUE(write_file_atomically(path("link"), "new").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(read("target"), "new");
  EXPECT_TRUE(write_file_atomically("/dev/null", "gone").ok());
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST_F(FileIo, NamesTheFileThatCannotBeWritten) {
  const ChangeResult result = write_file_atomically(path("no/such/folder"), "text");
  EXPECT_EQ(result.error, std::errc::no_such_file_or_directory);
  EXPECT_THAT(result.reason, HasSubstr("no/such/folder"));
}

TEST_F(TempFileTest, IsOursAloneAndGoesAwayWithItsObject) {
  std::filesystem::path name;
  {
    const TempFile file(folder_, "auth", "user\npassword\n");
    name = file.path();
    EXPECT_EQ(mode_of(name), 0600U);
    EXPECT_EQ(file.read(), "user\npassword\n");
    EXPECT_EQ(file.read(3), std::nullopt);
  }
  EXPECT_FALSE(std::filesystem::exists(name));
}

TEST_F(TempFileTest, CanBeMovedWithoutBeingRemoved) {
  TempFile first(folder_, "cc");
  const std::filesystem::path name = first.path();
  TempFile second(std::move(first));
  TempFile third(folder_, "cc");
  const std::filesystem::path replaced = third.path();
  third = std::move(second);
  EXPECT_TRUE(std::filesystem::exists(name));
  EXPECT_FALSE(std::filesystem::exists(replaced));
}

TEST_F(TempFileTest, SaysInWhichFolderItCannotBe) {
  try {
    const TempFile file(path("none"), "auth");
    FAIL() << "created in a folder that is not there";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(path("none").string()));
  }
}

TEST_F(PidFileTest, HoldsOurIdWhileItLives) {
  {
    const PidFile file(path("pid"));
    EXPECT_EQ(read("pid"), std::to_string(::getpid()) + "\n");
  }
  EXPECT_FALSE(std::filesystem::exists(path("pid")));
}

TEST_F(PidFileTest, IsLeftToASuccessorThatTookItOver) {
  {
    const PidFile file(path("pid"));
    write("pid", "1\n");
  }
  EXPECT_EQ(read("pid"), "1\n");
}

TEST_F(PidFileTest, NamesTheFileThatCannotBeWritten) {
  EXPECT_THROW(PidFile(path("none/pid")), std::system_error);
}

}  // namespace
}  // namespace vpnd::host
