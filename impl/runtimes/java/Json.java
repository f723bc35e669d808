import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON, which Java does not have: objects become maps, integers Long, other numbers Double. */
final class Json {
  private final String text;
  private int at = 0;

  private Json(String text) {
    this.text = text;
  }

  static Object read(String text) {
    return new Json(text).value();
  }

  static String write(Object value) {
    if (value instanceof Map<?, ?> map) {
      List<String> members = new ArrayList<>();
      map.forEach((key, member) -> members.add(write(key) + ":" + write(member)));
      return "{" + String.join(",", members) + "}";
    }
    if (value instanceof List<?> list) {
      return "[" + String.join(",", list.stream().map(Json::write).toList()) + "]";
    }
    return value instanceof String ? "\"" + value + "\"" : String.valueOf(value);
  }

  private Object value() {
    switch (next()) {
      case '{' -> {
        Map<String, Object> map = new LinkedHashMap<>();
        items('}', () -> {
          String key = string();
          expect(':');
          map.put(key, value());
        });
        return map;
      }
      case '[' -> {
        List<Object> list = new ArrayList<>();
        items(']', () -> list.add(value()));
        return list;
      }
      case '"' -> {
        return string();
      }
      default -> {
        return word();
      }
    }
  }

  private void items(char end, Runnable item) {
    at++;
    if (next() != end) {
      item.run();
      while (next() == ',') {
        at++;
        item.run();
      }
    }
    expect(end);
  }

  private String string() {
    expect('"');
    StringBuilder result = new StringBuilder();
    for (; text.charAt(at) != '"'; at++) {
      if (text.charAt(at) != '\\') {
        result.append(text.charAt(at));
      } else if (text.charAt(++at) == 'u') {
        result.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
        at += 4;
      } else {
        int known = "nrtbf".indexOf(text.charAt(at));
        result.append(known < 0 ? text.charAt(at) : "\n\r\t\b\f".charAt(known));
      }
    }
    at++;
    return result.toString();
  }

  private Object word() {
    int begin = at;
    while (at < text.length() && ",]} \n\r\t".indexOf(text.charAt(at)) < 0) at++;
    String word = text.substring(begin, at);
    return switch (word) {
      case "null" -> null;
      case "true", "false" -> Boolean.valueOf(word);
      default -> word.matches("-?\\d+") ? (Object) Long.valueOf(word) : Double.valueOf(word);
    };
  }

  private char next() {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) at++;
    if (at == text.length()) throw new IllegalArgumentException("the JSON ends too early");
    return text.charAt(at);
  }

  private void expect(char wanted) {
    if (next() != wanted) throw new IllegalArgumentException("expected " + wanted + " at character " + at);
    at++;
  }
}
