#include "CTimelinePage.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char address_js[] = {
#embed "../Web/Page/address.js"
};
static const unsigned char api_js[] = {
#embed "../Web/Page/api.js"
};
static const unsigned char density_painter_js[] = {
#embed "../Web/Page/density-painter.js"
};
static const unsigned char density_js[] = {
#embed "../Web/Page/density.js"
};
static const unsigned char details_js[] = {
#embed "../Web/Page/details.js"
};
static const unsigned char dom_js[] = {
#embed "../Web/Page/dom.js"
};
static const unsigned char event_painter_js[] = {
#embed "../Web/Page/event-painter.js"
};
static const unsigned char event_tiles_js[] = {
#embed "../Web/Page/event-tiles.js"
};
static const unsigned char exact_json_js[] = {
#embed "../Web/Page/exact-json.js"
};
static const unsigned char finder_js[] = {
#embed "../Web/Page/finder.js"
};
static const unsigned char icon_svg[] = {
#embed "../Web/Page/icon.svg"
};
static const unsigned char index_html[] = {
#embed "../Web/Page/index.html"
};
static const unsigned char input_js[] = {
#embed "../Web/Page/input.js"
};
static const unsigned char lanes_js[] = {
#embed "../Web/Page/lanes.js"
};
static const unsigned char live_js[] = {
#embed "../Web/Page/live.js"
};
static const unsigned char main_js[] = {
#embed "../Web/Page/main.js"
};
static const unsigned char mark_painter_js[] = {
#embed "../Web/Page/mark-painter.js"
};
static const unsigned char overview_js[] = {
#embed "../Web/Page/overview.js"
};
static const unsigned char query_js[] = {
#embed "../Web/Page/query.js"
};
static const unsigned char side_js[] = {
#embed "../Web/Page/side.js"
};
static const unsigned char stage_js[] = {
#embed "../Web/Page/stage.js"
};
static const unsigned char status_js[] = {
#embed "../Web/Page/status.js"
};
static const unsigned char style_css[] = {
#embed "../Web/Page/style.css"
};
static const unsigned char theme_js[] = {
#embed "../Web/Page/theme.js"
};
static const unsigned char tiles_js[] = {
#embed "../Web/Page/tiles.js"
};
static const unsigned char time_js[] = {
#embed "../Web/Page/time.js"
};
static const unsigned char view_js[] = {
#embed "../Web/Page/view.js"
};

#define FILE_NAMED(text, array) {text, array, sizeof array}

static const struct tidemark_page_file files[] = {
    FILE_NAMED("address.js", address_js),
    FILE_NAMED("api.js", api_js),
    FILE_NAMED("density-painter.js", density_painter_js),
    FILE_NAMED("density.js", density_js),
    FILE_NAMED("details.js", details_js),
    FILE_NAMED("dom.js", dom_js),
    FILE_NAMED("event-painter.js", event_painter_js),
    FILE_NAMED("event-tiles.js", event_tiles_js),
    FILE_NAMED("exact-json.js", exact_json_js),
    FILE_NAMED("finder.js", finder_js),
    FILE_NAMED("icon.svg", icon_svg),
    FILE_NAMED("index.html", index_html),
    FILE_NAMED("input.js", input_js),
    FILE_NAMED("lanes.js", lanes_js),
    FILE_NAMED("live.js", live_js),
    FILE_NAMED("main.js", main_js),
    FILE_NAMED("mark-painter.js", mark_painter_js),
    FILE_NAMED("overview.js", overview_js),
    FILE_NAMED("query.js", query_js),
    FILE_NAMED("side.js", side_js),
    FILE_NAMED("stage.js", stage_js),
    FILE_NAMED("status.js", status_js),
    FILE_NAMED("style.css", style_css),
    FILE_NAMED("theme.js", theme_js),
    FILE_NAMED("tiles.js", tiles_js),
    FILE_NAMED("time.js", time_js),
    FILE_NAMED("view.js", view_js),
};
const size_t tidemark_page_file_count = sizeof files / sizeof files[0];

const struct tidemark_page_file *tidemark_page_file_at(size_t number) {
    return &files[number];
}
