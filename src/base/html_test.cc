#include "base/html.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

TEST(Html, WhatEndsATextOrAnAttributeIsAnEntity) {
  EXPECT_EQ(html_escaped("a < b & \"c\" > 'd'"), "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;");
  EXPECT_EQ(html_escaped("&amp;"), "&amp;amp;");
  EXPECT_EQ(html_escaped("Größe, 4\n"), "Größe, 4\n");
  EXPECT_EQ(html_escaped(""), "");
}

}  // namespace
}  // namespace fathom
