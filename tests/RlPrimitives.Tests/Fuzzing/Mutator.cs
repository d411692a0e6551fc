using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RlPrimitives.Tests.Fuzzing;

/// <summary>Changes inputs: bytes at random, words of the format, parts of other inputs, and where an input is JSON, its members and values.</summary>
/// <param name="random">Of what is changed.</param>
/// <param name="words">Words of the format.</param>
internal sealed class Mutator(Random random, IReadOnlyList<string> words)
{
    private const int Longest = 1 << 16;

    private static readonly string[] Numbers =
        ["0", "-1", "1", "255", "2147483647", "-2147483648", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "1e999", "-1e-999", "1.5", "1e2", "00"];

    private static readonly string[] Odd =
        ["null", "true", "\"\"", "{}", "[]", "\"\\ud800\"", "\"\\u0000\"", "\"../../etc/passwd\"", "NaN", "-Infinity", "\"\ud83d\ude00\"", "[[[[[[[[", "{\"a\":", "\r\n", "\t", "\"", "\\", ",", ":", "]", "}"];

    /// <summary>A changed copy of one of <paramref name="corpus"/>.</summary>
    public byte[] Next(IReadOnlyList<byte[]> corpus)
    {
        var input = corpus[random.Next(corpus.Count)];
        if (random.Next(3) == 0 && Json(input) is { } changed)
        {
            return changed;
        }

        for (var rounds = random.Next(1, 5); rounds > 0; rounds--)
        {
            input = Bytes(input, corpus);
        }

        return input.Length <= Longest ? input : input[..Longest];
    }

    private byte[] Bytes(byte[] input, IReadOnlyList<byte[]> corpus)
    {
        var at = random.Next(input.Length + 1);
        var length = Math.Min(input.Length - at, random.Next(1, 1 << random.Next(1, 9)));
        switch (random.Next(9))
        {
            case 0 when input.Length > 0:
                var flipped = (byte[])input.Clone();
                flipped[random.Next(input.Length)] ^= (byte)(1 << random.Next(8));
                return flipped;
            case 1 when input.Length > 0:
                var replaced = (byte[])input.Clone();
                replaced[random.Next(input.Length)] = (byte)random.Next(256);
                return replaced;
            case 2:
                return [.. input[..at], .. input[(at + length)..]];
            case 3:
                return [.. input[..(at + length)], .. input[at..]];
            case 4:
                var other = corpus[random.Next(corpus.Count)];
                return [.. input[..at], .. other[random.Next(other.Length + 1)..]];
            case 5:
                return input[..at];
            case 6:
                var word = Encoding.UTF8.GetBytes(Word());
                return [.. input[..at], .. Enumerable.Repeat(word, random.Next(20) == 0 ? random.Next(2000) : 1).SelectMany(w => w), .. input[at..]];
            default:
                return [.. input[..at], .. Encoding.UTF8.GetBytes(Word()), .. input[(at + length)..]];
        }
    }

    private string Word() => random.Next(3) switch
    {
        0 => Numbers[random.Next(Numbers.Length)],
        1 => Odd[random.Next(Odd.Length)],
        _ => words.Count > 0 ? words[random.Next(words.Count)] : Odd[random.Next(Odd.Length)],
    };

    // Another value for one member or item, or one removed, renamed or repeated; of JSON lines, in one of them.
    private byte[]? Json(byte[] input)
    {
        if (input.AsSpan().TrimStart(" \r\n\t"u8) is not [(byte)'{', ..])
        {
            return null;
        }

        var lines = Encoding.UTF8.GetString(input).Split('\n');
        var whole = lines.Length > 1 && !lines[0].TrimEnd().EndsWith('}');
        var line = random.Next(lines.Length);
        try
        {
            if (JsonNode.Parse(whole ? input : Encoding.UTF8.GetBytes(lines[line])) is not JsonObject root)
            {
                return null;
            }

            Change(root);
            var text = root.ToJsonString(new JsonSerializerOptions { MaxDepth = 2000 });
            lines[line] = text;
            return Encoding.UTF8.GetBytes(whole ? text : string.Join('\n', lines));
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return null; // not JSON any more: its bytes are changed
        }
    }

    private void Change(JsonNode node)
    {
        while (true)
        {
            JsonNode? below = null;
            if (node is JsonObject { Count: > 0 } members)
            {
                var (name, value) = members.ElementAt(random.Next(members.Count));
                below = value;
                if (below is not (JsonObject { Count: > 0 } or JsonArray { Count: > 0 }) || random.Next(3) == 0)
                {
                    _ = random.Next(6) switch
                    {
                        0 => members.Remove(name),
                        1 => members.Remove(name) && members.TryAdd(name + "x", value?.DeepClone()),
                        _ => (members[name] = Value()) is null,
                    };
                    return;
                }
            }
            else if (node is JsonArray { Count: > 0 } items)
            {
                var index = random.Next(items.Count);
                below = items[index];
                if (below is not (JsonObject { Count: > 0 } or JsonArray { Count: > 0 }) || random.Next(3) == 0)
                {
                    switch (random.Next(5))
                    {
                        case 0:
                            items.RemoveAt(index);
                            break;
                        case 1:
                            items.Insert(index, below?.DeepClone());
                            break;
                        default:
                            items[index] = Value();
                            break;
                    }

                    return;
                }
            }

            if (below is null)
            {
                return;
            }

            node = below;
        }
    }

    private JsonNode? Value()
    {
        switch (random.Next(8))
        {
            case 0:
                JsonNode deep = new JsonArray();
                for (var depth = random.Next(1, 200); depth > 0; depth--)
                {
                    deep = random.Next(2) == 0 ? new JsonArray(deep) : new JsonObject { ["a"] = deep };
                }

                return deep;
            case 1:
                return null;
            case 2:
                return random.Next(2) == 0;
            case 3:
                return words.Count > 0 ? words[random.Next(words.Count)] : "";
            case 4:
                return new string((char)random.Next(32, 0xd7ff), random.Next(300));
            default:
                var number = Numbers[random.Next(Numbers.Length - 1)];
                return JsonNode.Parse(number);
        }
    }
}
