using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>Adapters in PEFT's layout: <c>adapter_config.json</c> beside <c>adapter_model.safetensors</c>.</summary>
internal sealed class LoraFolder : IDisposable
{
    public const string ConfigName = "adapter_config.json";
    public const string WeightsName = "adapter_model.safetensors";
    private const string Prefix = "base_model.model.";
    private static readonly string[] Suffixes = [".lora_A.weight", ".lora_B.weight"];
    private readonly SafetensorsFile tensors;

    private LoraFolder(LoraConfig config, SafetensorsFile tensors) => (Config, this.tensors) = (config, tensors);

    public LoraConfig Config { get; }

    /// <summary>Opens a folder and checks that its adapters belong beside the layers of <paramref name="model"/>; weights are not read.</summary>
    public static LoraFolder Open(string folder, ICausalModel model)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var full = Path.GetFullPath(folder);
        foreach (var name in new[] { ConfigName, WeightsName })
        {
            if (!File.Exists(Path.Combine(full, name)))
            {
                throw new FileNotFoundException($"{Path.Combine(full, name)} was looked for and not found: an adapter's folder, as SaveLora and PEFT write it, " +
                    $"holds {ConfigName} and {WeightsName}{(name == WeightsName ? " (pickled adapter_model.bin files can run any code and are not loaded)" : "")}.", name);
            }
        }

        var tensors = SafetensorsFile.Open(Path.Combine(full, WeightsName));
        try
        {
            var layers = LoraAdapters.LinearLayers(model);
            var adapted = Adapted(Path.Combine(full, WeightsName), tensors, layers);
            var config = LoraConfigJson.Read(Path.Combine(full, ConfigName), [.. layers.Select(l => l.Name)], adapted);
            Check(Path.Combine(full, WeightsName), tensors, layers.Where(l => adapted.Contains(l.Name)), config.Rank);
            return new LoraFolder(config, tensors);
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    public static void Save(string folder, LoraAdapters adapters, ModelFamily family)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Directory.CreateDirectory(folder);
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), adapters.Parameters.Select(p => (Prefix + p.Name, p.Parameter.detach())));
        var config = LoraConfigJson.Render(adapters.Config, LoraAdapters.ShortNames(adapters.Layers), transposed: family == ModelFamily.Gpt2);
        AtomicFile.Write(Path.Combine(folder, ConfigName), stream => stream.Write(config));
    }

    /// <summary>Fills adapters that have <see cref="Config"/>.</summary>
    public void CopyTo(LoraAdapters adapters)
    {
        foreach (var (name, parameter) in adapters.Parameters)
        {
            tensors.CopyTo(Prefix + name, parameter);
        }
    }

    public void Dispose() => tensors.Dispose();

    /// <summary>The layers of which the file holds a matrix.</summary>
    private static HashSet<string> Adapted(string file, SafetensorsFile tensors, IReadOnlyList<(string Name, Architectures.ILinear Layer)> layers)
    {
        var known = layers.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in tensors.Entries.Keys.Order(StringComparer.Ordinal))
        {
            var layer = Suffixes.Where(s => name.EndsWith(s, StringComparison.Ordinal)).Select(s => name[..^s.Length]).FirstOrDefault();
            if (layer is null || !layer.StartsWith(Prefix, StringComparison.Ordinal))
            {
                throw new NotSupportedException($"{file}: tensor '{name}' is no matrix of plain LoRA ({Prefix}<layer>.lora_A.weight or .lora_B.weight). Merge the adapter " +
                    "in PEFT with merge_and_unload() and load the result as a model.");
            }

            if (!known.Contains(layer[Prefix.Length..]))
            {
                throw new InvalidDataException($"{file}: tensor '{name}' belongs beside a layer '{layer[Prefix.Length..]}' that this model does not have (its linear " +
                    $"layers run from {layers[0].Name} to {layers[^1].Name}; the head cannot be adapted). Was the adapter made for another model?");
            }

            found.Add(layer[Prefix.Length..]);
        }

        return found.Count > 0 ? found : throw new InvalidDataException($"{file}: holds no tensor; expected LoRA matrices.");
    }

    private static void Check(string file, SafetensorsFile tensors, IEnumerable<(string Name, Architectures.ILinear Layer)> layers, int rank)
    {
        foreach (var (name, layer) in layers)
        {
            var (weight, _) = layer.Own();
            CheckShape($"{Prefix}{name}.lora_A.weight", [rank, weight.size(layer.IsTransposed ? 0 : 1)]);
            CheckShape($"{Prefix}{name}.lora_B.weight", [weight.size(layer.IsTransposed ? 1 : 0), rank]);
        }

        void CheckShape(string name, long[] expected)
        {
            if (!tensors.Entries.TryGetValue(name, out var entry))
            {
                throw new InvalidDataException($"{file}: tensor '{name}' is missing, though its other half is there.");
            }

            if (!entry.Shape.SequenceEqual(expected))
            {
                throw new InvalidDataException($"{file}: tensor '{name}' has shape [{string.Join(", ", entry.Shape)}]; this model and r = {rank} in {ConfigName} ask for " +
                    $"[{string.Join(", ", expected)}]. Was the adapter made for another model?");
            }

            if (entry.Type is not (ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16 or ScalarType.Float64))
            {
                throw new InvalidDataException($"{file}: tensor '{name}' is of type {entry.Type}; expected a floating-point type.");
            }
        }
    }
}
