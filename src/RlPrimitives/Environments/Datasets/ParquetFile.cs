using System.Collections;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Parquet.Serialization;

namespace RlPrimitives.Environments;

/// <summary>Problems from Parquet: texts as they are, numbers in no culture, lists, structures and maps as JSON.</summary>
internal static class ParquetFile
{
    public static List<Problem> Read(string path, PromptColumns columns)
    {
        // The package only reads asynchronously; off the caller's context, so that waiting cannot block it.
        var rows = Task.Run(() => RowsAsync(path)).GetAwaiter().GetResult();
        var problems = new ProblemList(columns);
        foreach (var row in rows)
        {
            var number = problems.Problems.Count + 1;
            var place = $"{path}, row {number}";
            if (row.TryGetValue(columns.Prompt, out var prompt) && Plain(prompt) is not string)
            {
                throw new InvalidDataException($"{place}: '{columns.Prompt}' must be a text, found {prompt?.GetType().Name ?? "nothing"}.");
            }

            problems.Add(row.Select(c => KeyValuePair.Create(c.Key, TextOf(c.Value))), place, $"{number}");
        }

        return problems.Problems;
    }

    private static async Task<IEnumerable<IDictionary<string, object?>>> RowsAsync(string path)
    {
        var stream = File.OpenRead(path);
        await using var closing = stream.ConfigureAwait(false);
        try
        {
            var result = await ParquetSerializer.DeserializeUntypedAsync(stream).ConfigureAwait(false);
            return result.Data!;
        }
        catch (OutOfMemoryException e)
        {
            // The package takes the memory that a length in the file claims (2 GB at most) before it looks whether the bytes are there.
            throw new InvalidDataException($"{path} asks for more memory than there is: it is damaged, or too large to be read as a whole.", e);
        }
        catch (Exception e)
        {
            throw new InvalidDataException($"{path} is not a Parquet file that can be read: {e.Message}", e); // the package throws what its parts throw
        }
    }

    private static string? TextOf(object? value) => Plain(value) switch
    {
        null => null,
        string text => text,
        var other => NodeOf(other)!.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }),
    };

    private static JsonNode? NodeOf(object? value) => Plain(value) switch
    {
        null => null,
        string text => text,
        IDictionary map => new JsonObject(map.Keys.Cast<object>().Select(k => KeyValuePair.Create(TextOf(k)!, NodeOf(map[k])))),
        IEnumerable items => new JsonArray([.. items.Cast<object?>().Select(NodeOf)]),
        var number => JsonNode.Parse(JsonSerializer.Serialize(number)),
    };

    /// <summary>What is no list or map as a text, a truth value or a number; the package gives texts in several types.</summary>
    private static object? Plain(object? value) => value switch
    {
        ReadOnlyMemory<char> text => text.ToString(),
        ReadOnlyMemory<byte> bytes => Convert.ToBase64String(bytes.Span),
        byte[] bytes => Convert.ToBase64String(bytes),
        DateTime time => time.ToString("O", CultureInfo.InvariantCulture),
        double number when !double.IsFinite(number) => number.ToString(CultureInfo.InvariantCulture), // what pandas writes for a missing number is NaN, and JSON has none
        float number when !float.IsFinite(number) => number.ToString(CultureInfo.InvariantCulture),
        null or string or bool or IDictionary or IEnumerable or int or long or short or byte or sbyte or uint or ulong or ushort or float or double or decimal => value,
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };
}
